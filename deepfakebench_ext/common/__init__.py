"""What every room rests on: types, errors, files, words."""
