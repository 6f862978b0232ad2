"""Where frames are kept: folders, LMDB."""
