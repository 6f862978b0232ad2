import io
import os
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.common.suffixes import is_image_name
from deepfakebench_ext.media import image as image_module
from deepfakebench_ext.media.image import frame_files, read_rgb
from deepfakebench_ext.media.mending import has_end

H, W = 12, 16


@pytest.fixture
def pixels():
    """Smooth colours, so that JPEG changes them little."""
    rows, columns = np.mgrid[0:H, 0:W]
    return np.stack([rows * 20, columns * 15, 255 - rows * 10 - columns * 5], axis=-1).astype(np.uint8)


def encoded(image, **options):
    file = io.BytesIO()
    image.save(file, **options)
    return file.getvalue()


def write(path, image, **options):
    path.write_bytes(encoded(image, **options))
    return path


def noise(*shape, dtype=np.uint8):
    return np.random.default_rng(7).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


def grey_rgb(grey):
    return np.repeat(grey[..., None], 3, axis=-1)


def assert_is_rgb(rgb):
    assert rgb.dtype == np.uint8
    assert rgb.ndim == 3
    assert rgb.shape[2] == 3
    assert rgb.flags.writeable
    assert rgb.flags.c_contiguous


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "GIF"])
def test_lossless_files_give_their_pixels(tmp_path, format):
    colours = noise(4, 4, 3)
    rgb = read_rgb(write(tmp_path / "x.png", Image.fromarray(colours), format=format))
    assert_is_rgb(rgb)
    np.testing.assert_array_equal(rgb, colours)


@pytest.mark.parametrize("options", [{"format": "JPEG", "quality": 95}, {"format": "WEBP", "quality": 95}])
def test_lossy_files_give_nearly_their_pixels(tmp_path, pixels, options):
    rgb = read_rgb(write(tmp_path / "x.jpg", Image.fromarray(pixels), **options))
    assert_is_rgb(rgb)
    assert np.abs(rgb.astype(int) - pixels).mean() < 4


def test_the_format_is_told_by_content_not_by_suffix(tmp_path, pixels):
    rgb = read_rgb(write(tmp_path / "x.jpg", Image.fromarray(pixels), format="PNG"))
    np.testing.assert_array_equal(rgb, pixels)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "BMP"])
def test_grey_becomes_three_equal_channels(tmp_path, format):
    grey = noise(H, W)
    np.testing.assert_array_equal(
        read_rgb(write(tmp_path / "x.png", Image.fromarray(grey), format=format)), grey_rgb(grey)
    )


def test_one_bit_becomes_black_and_white(tmp_path):
    bits = noise(H, W) > 127
    rgb = read_rgb(write(tmp_path / "x.png", Image.fromarray(bits), format="PNG"))
    np.testing.assert_array_equal(rgb, grey_rgb(bits.astype(np.uint8) * 255))


@pytest.mark.parametrize(
    "options", [{"format": "PNG"}, {"format": "TIFF"}, {"format": "WEBP", "lossless": True, "exact": True}]
)
def test_alpha_is_dropped_not_blended(tmp_path, options):
    rgba = noise(H, W, 4)
    rgba[0, 0, 3] = 0
    np.testing.assert_array_equal(read_rgb(write(tmp_path / "x", Image.fromarray(rgba), **options)), rgba[..., :3])


def test_grey_with_alpha_drops_alpha(tmp_path):
    la = noise(H, W, 2)
    rgb = read_rgb(write(tmp_path / "x.png", Image.fromarray(la, "LA"), format="PNG"))
    np.testing.assert_array_equal(rgb, grey_rgb(la[..., 0]))


@pytest.mark.parametrize("transparency", [None, 3, bytes(range(0, 256, 16))])
@pytest.mark.parametrize("format", ["PNG", "GIF"])
def test_a_palette_gives_its_colours_also_where_they_are_transparent(tmp_path, format, transparency):
    palette, indices = noise(16, 3), noise(H, W) % 16
    image = Image.fromarray(indices, "P")
    image.putpalette(palette.tobytes())
    options = {} if transparency is None else {"transparency": transparency if format == "PNG" else 3}
    np.testing.assert_array_equal(read_rgb(write(tmp_path / "x", image, format=format, **options)), palette[indices])


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_grey_of_16_bits_keeps_its_high_byte_as_in_opencv(tmp_path, suffix):
    grey, path = noise(H, W, dtype=np.uint16), tmp_path / f"x.{suffix}"
    grey[0, :4] = [255, 256, 32768, 65535]
    cv2.imwrite(str(path), grey)
    rgb = read_rgb(path)
    assert_is_rgb(rgb)
    np.testing.assert_array_equal(rgb, grey_rgb((grey >> 8).astype(np.uint8)))
    np.testing.assert_array_equal(rgb, cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1])


@pytest.mark.parametrize("channels", [3, 4])
def test_colour_png_of_16_bits_keeps_its_high_byte_as_in_opencv(tmp_path, channels):
    path = tmp_path / "x.png"
    cv2.imwrite(str(path), noise(H, W, channels, dtype=np.uint16))
    np.testing.assert_array_equal(read_rgb(path), cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1])


def test_colour_tiff_of_16_bits_is_within_one_level_of_opencv(tmp_path):
    path, colours = tmp_path / "x.tif", noise(H, W, 3, dtype=np.uint16)
    cv2.imwrite(str(path), colours)
    difference = read_rgb(path)[..., ::-1].astype(int) - cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert np.abs(difference).max() <= 1


def tiff(grey_bytes, *, width, height, bits, order):
    """A minimal uncompressed grey TIFF, for what Pillow reads but does not write."""
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: len(grey_bytes)}
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in tags.items())
    magic = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(f"{order}H", len(tags)) + entries + bytes(4)
    return magic + struct.pack(f"{order}I", 8 + len(grey_bytes)) + grey_bytes + directory


@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_of_16_bits_may_have_either_byte_order(tmp_path, order):
    grey = noise(H, W, dtype=np.uint16)
    path = tmp_path / "x.tif"
    path.write_bytes(tiff(grey.astype(f"{order}u2").tobytes(), width=W, height=H, bits=16, order=order))
    np.testing.assert_array_equal(read_rgb(path), grey_rgb((grey >> 8).astype(np.uint8)))


def test_tiff_of_12_bits_is_scaled_by_its_own_white(tmp_path):
    grey = noise(H, W, dtype=np.uint16) >> 4
    first, second = grey.ravel()[0::2].astype(np.uint32), grey.ravel()[1::2].astype(np.uint32)
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=-1).astype(np.uint8)
    path = tmp_path / "x.tif"
    path.write_bytes(tiff(packed.tobytes(), width=W, height=H, bits=12, order="<"))
    np.testing.assert_array_equal(read_rgb(path), grey_rgb((grey >> 4).astype(np.uint8)))


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_pixels_of_32_bits_have_no_defined_white(tmp_path, dtype):
    path = write(tmp_path / "x.tif", Image.fromarray(np.ones((H, W), dtype)), format="TIFF")
    with pytest.raises(MediaError, match=r"32 bits .* no defined white"):
        read_rgb(path)


def test_cmyk_jpeg_is_read_as_opencv_reads_it(tmp_path, pixels):
    path = write(tmp_path / "x.jpg", Image.fromarray(pixels).convert("CMYK"), format="JPEG", quality=100)
    rgb = read_rgb(path).astype(int)
    assert np.abs(rgb - cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1]).max() <= 2
    assert np.abs(rgb - pixels).max() <= 8


def test_ycck_jpeg_gives_its_colours(tmp_path, pixels):
    # As Photoshop stores it: inverted inks, the first three as Y Cb Cr, which an Adobe marker of 2 announces.
    ycc = np.asarray(Image.fromarray(255 - pixels).convert("YCbCr"))
    stored = np.concatenate([ycc, np.full((H, W, 1), 255, np.uint8)], axis=-1)
    data = encoded(Image.fromarray(255 - stored, "CMYK"), format="JPEG", quality=100)
    transform = data.index(b"Adobe") + 11
    assert data[transform] == 0
    path = tmp_path / "x.jpg"
    path.write_bytes(data[:transform] + b"\2" + data[transform + 1 :])
    rgb = read_rgb(path).astype(int)
    assert np.abs(rgb - cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1]).max() <= 2
    assert np.abs(rgb - pixels).max() <= 8


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_an_animation_or_several_pages_give_the_first(tmp_path, format):
    colours = [(200, 10, 10), (10, 200, 10), (10, 10, 200)]
    frames = [Image.new("RGB", (W, H), colour) for colour in colours]
    options = {"lossless": True} if format == "WEBP" else {}
    path = write(tmp_path / "x", frames[0], format=format, save_all=True, append_images=frames[1:], **options)
    with Image.open(path) as opened:
        assert opened.n_frames == 3
    np.testing.assert_array_equal(read_rgb(path), np.full((H, W, 3), colours[0], np.uint8))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied_once(tmp_path, pixels, format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = write(tmp_path / "x", Image.fromarray(pixels), format=format, exif=exif)
    rgb = read_rgb(path)
    assert_is_rgb(rgb)
    assert rgb.shape[:2] == ((W, H) if orientation >= 5 else (H, W))
    with Image.open(path) as opened:
        np.testing.assert_array_equal(rgb, np.asarray(ImageOps.exif_transpose(opened)))


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_upright(tmp_path, pixels, value):
    exif = Image.Exif()
    exif[0x0112] = value
    path = write(tmp_path / "x.png", Image.fromarray(pixels), format="PNG", exif=exif)
    np.testing.assert_array_equal(read_rgb(path), pixels)


def with_broken_exif(pixels):
    entry = struct.pack("<HHII", 0x010F, 2, 500, 400)  # a text of 500 bytes that lies outside the file
    return encoded(Image.fromarray(pixels), format="PNG", exif=b"II*\0\x08\0\0\0\x01\0" + entry)


def test_broken_exif_neither_warns_nor_fails(tmp_path, pixels):
    path = tmp_path / "x.png"
    path.write_bytes(with_broken_exif(pixels))
    with pytest.warns(UserWarning), Image.open(path) as opened:
        opened.getexif()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(read_rgb(path), pixels)


def test_exif_that_cannot_be_parsed_leaves_the_image_upright(tmp_path, pixels):
    path = write(tmp_path / "x.png", Image.fromarray(pixels), format="PNG", exif=b"no TIFF header here")
    np.testing.assert_array_equal(read_rgb(path), pixels)


def test_warnings_of_others_are_shown_as_before_once_or_as_errors(tmp_path, pixels):
    path = write(tmp_path / "x.png", Image.fromarray(pixels), format="PNG")
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        read_rgb(path)
        for _ in range(3):
            warnings.warn("ours", stacklevel=1)
            read_rgb(path)
    assert [str(warning.message) for warning in shown] == ["ours"]
    read_rgb(path)
    with pytest.raises(UserWarning, match="ours"):
        warnings.warn("ours", stacklevel=1)


def test_an_image_that_pillow_finds_large_is_read(tmp_path, pixels, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", H * W - 1)
    np.testing.assert_array_equal(read_rgb(write(tmp_path / "x.png", Image.fromarray(pixels), format="PNG")), pixels)


def test_more_pixels_than_the_limit_are_refused_before_decoding(tmp_path, pixels, monkeypatch):
    monkeypatch.setattr(image_module, "MAX_PIXELS", H * W - 1)
    path = tmp_path / "x.png"
    path.write_bytes(encoded(Image.fromarray(pixels), format="PNG")[:60])
    with pytest.raises(MediaError, match="16x12 is more than 191 pixels"):
        read_rgb(path)


def png_chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def test_a_decompression_bomb_is_refused(tmp_path):
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0))
    path = tmp_path / "x.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(bytes(1000))))
    with pytest.raises(MediaError, match="2500000000 pixels"):
        read_rgb(path)


CUT = {
    "jpeg": {"format": "JPEG"},
    "progressive jpeg": {"format": "JPEG", "progressive": True},
    "png": {"format": "PNG"},
    "bmp": {"format": "BMP"},
    "tiff": {"format": "TIFF"},
    "tiff lzw": {"format": "TIFF", "compression": "tiff_lzw"},
    "tiff deflate": {"format": "TIFF", "compression": "tiff_adobe_deflate"},
    "webp": {"format": "WEBP"},
    "lossless webp": {"format": "WEBP", "lossless": True},
    "gif": {"format": "GIF"},
}


@pytest.mark.parametrize("kind", CUT)
def test_a_file_cut_off_anywhere_is_refused_or_whole_never_partly_grey(tmp_path, kind):
    whole = encoded(Image.fromarray(noise(6, 6, 3)).resize((90, 70)), **CUT[kind])
    path = tmp_path / "x"
    path.write_bytes(whole)
    pixels, refused = read_rgb(path), 0
    lengths = [*range(0, len(whole), max(1, len(whole) // 40)), len(whole) - 13, len(whole) - 2, len(whole) - 1]
    for length in lengths:
        path.write_bytes(whole[:length])
        try:
            np.testing.assert_array_equal(read_rgb(path), pixels)
        except MediaError:
            refused += 1
    assert refused >= len(lengths) - 4


def test_a_zero_byte_file_is_called_empty(tmp_path):
    path = tmp_path / "x.jpg"
    path.touch()
    with pytest.raises(MediaError, match=r"x\.jpg: the file is empty"):
        read_rgb(path)


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE html><html>",
        b"version https://git-lfs.github.com/spec/v1",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9",
    ],
)
def test_what_is_no_image_is_shown_by_its_first_bytes(tmp_path, content):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"not a JPEG.*begins with b'" + content[:6].decode()):
        read_rgb(path)


def test_a_missing_file_a_folder_and_a_pipe_are_named_as_such(tmp_path):
    with pytest.raises(MediaError, match="no such file"):
        read_rgb(tmp_path / "x.png")
    with pytest.raises(MediaError, match="not a regular file"):
        read_rgb(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(MediaError, match="not a regular file"):
        read_rgb(tmp_path / "pipe.png")


def test_several_threads_read_the_same_as_one(tmp_path, pixels):
    palette = Image.fromarray(pixels).quantize(16)
    files = {
        "exif": with_broken_exif(pixels),
        "palette": encoded(palette, format="PNG", transparency=bytes(16)),
        "jpeg": encoded(Image.fromarray(pixels), format="JPEG"),
        "cut": encoded(Image.fromarray(pixels), format="JPEG")[:300],
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)

    def outcome(name):
        try:
            return read_rgb(tmp_path / name).tobytes()
        except MediaError as error:
            return str(error)

    alone = {name: outcome(name) for name in files}
    names = list(files) * 50
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(outcome, names)) == [alone[name] for name in names]


@pytest.mark.parametrize(
    "name", ["a.jpg", "A.JPG", "a.Jpeg", "a.png", "a.bmp", "a.tif", "a.TIFF", "a.webp", "a b.c.png"]
)
def test_image_names_are_known_by_suffix_in_any_case(name):
    assert is_image_name(name)


@pytest.mark.parametrize("name", ["a.txt", "a.mp4", "jpg", "a", ".jpg", ".a.jpg", "._a.jpg", "a.jpg.part", "a.gif"])
def test_other_and_hidden_files_are_no_images(name):
    assert not is_image_name(name)


def test_frames_are_ordered_by_number(tmp_path):
    ordered = ["000.png", "1.png", "2.JPG", "10.png", "010.png", "frame2.png", "frame10.png", "frame10b.png", "x.png"]
    for name in sorted([*ordered, "notes.txt", "._1.png", ".hidden.png"]):
        (tmp_path / name).touch()
    (tmp_path / "3.png").mkdir()
    names = [path.name for path in frame_files(tmp_path)]
    assert set(names) == set(ordered)
    assert [name for name in names if name != "010.png"] == [name for name in ordered if name != "010.png"]
    assert abs(names.index("010.png") - names.index("10.png")) == 1
    assert frame_files(tmp_path)[0] == tmp_path / "000.png"


def test_a_folder_without_frames_is_an_error(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(MediaError, match="holds no image"):
        frame_files(tmp_path)
    with pytest.raises(MediaError, match="No such file"):
        frame_files(tmp_path / "gone")


def test_a_tiff_of_floats_is_not_said_to_be_none(tmp_path):
    path = tmp_path / "x.tif"
    cv2.imwrite(str(path), np.zeros((4, 4, 3), np.float32))
    with pytest.raises(MediaError, match=r"a TIFF of a kind that is not read, such as one of floats"):
        read_rgb(path)


def chunk(kind, data, checksum=None):
    checksum = zlib.crc32(kind + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


LONG = zlib.compress(b"a" * 2_000_000)
METADATA = {
    "compressed text": chunk(b"zTXt", b"k\0\0" + LONG),
    "XMP": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + LONG),
    "much text": b"".join(chunk(b"tEXt", b"k\0" + b"a" * 1_000_000) for _ in range(70)),
    "colour profile": chunk(b"iCCP", b"p\0\0" + zlib.compress(np.random.default_rng(0).bytes(1_200_000))),
    "checksum of text": chunk(b"tEXt", b"k\0v", 1),
    "checksum of EXIF": chunk(b"eXIf", b"MM", 1),
    "checksum of a profile": chunk(b"iCCP", b"p\0\0" + zlib.compress(b"abc"), 1),
    "short size of a pixel": chunk(b"pHYs", b"ab"),
    "unknown": chunk(b"abCd", b"ab", 1),
}


@pytest.mark.parametrize("kind", METADATA)
@pytest.mark.parametrize("place", ["before", "after"])
def test_no_metadata_of_a_png_decides_whether_its_pixels_are_read(tmp_path, pixels, kind, place):
    png = encoded(Image.fromarray(pixels), format="PNG")
    at = png.index(b"IDAT" if place == "before" else b"IEND") - 4
    (tmp_path / "x.png").write_bytes(png[:at] + METADATA[kind] + png[at:])
    np.testing.assert_array_equal(read_rgb(tmp_path / "x.png"), pixels)


def test_a_png_of_long_text_is_still_turned_as_its_exif_says(tmp_path, pixels):
    exif = Image.Exif()
    exif[0x0112] = 3
    png = encoded(Image.fromarray(pixels), format="PNG", exif=exif)
    at = png.index(b"IDAT") - 4
    (tmp_path / "x.png").write_bytes(png[:at] + METADATA["compressed text"] + png[at:])
    np.testing.assert_array_equal(read_rgb(tmp_path / "x.png"), pixels[::-1, ::-1])


def test_a_png_cut_short_stays_unreadable_whatever_its_metadata(tmp_path):
    png = encoded(Image.fromarray(noise(40, 40, 3)), format="PNG")
    at = png.index(b"IDAT") - 4
    (tmp_path / "x.png").write_bytes((png[:at] + METADATA["compressed text"] + png[at:])[:-200])
    with pytest.raises(MediaError, match=r"x\.png: Decompressed data too large"):
        read_rgb(tmp_path / "x.png")


JPEGS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restart markers": {"restart_marker_blocks": 3},
    "progressive with restart markers": {"progressive": True, "restart_marker_blocks": 3},
    "halved colours": {"subsampling": 2},
}


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_that_lacks_only_its_end_marker_gives_the_pixels_of_the_whole(tmp_path, kind, mode):
    image = Image.fromarray(noise(6, 7, 3)).resize((75, 58)).convert(mode)
    whole = encoded(image, format="JPEG", quality=80, **JPEGS[kind])
    path = tmp_path / "x.jpg"
    path.write_bytes(whole)
    pixels, refused = read_rgb(path), 0
    for missing in (1, 2):
        path.write_bytes(whole[:-missing])
        np.testing.assert_array_equal(read_rgb(path), pixels)
    for missing in (6, 8, 12, 20, 30, 50, 80, 120):  # whatever is read is whole, never partly grey
        path.write_bytes(whole[:-missing])
        try:
            np.testing.assert_array_equal(read_rgb(path), pixels)
        except MediaError:
            refused += 1
    assert refused >= 7


def test_a_progressive_jpeg_that_lacks_its_last_scan_is_cut_short(tmp_path):
    whole = encoded(Image.fromarray(noise(6, 7, 3)).resize((75, 58)), format="JPEG", progressive=True)
    (tmp_path / "x.jpg").write_bytes(whole[: whole.rindex(b"\xff\xda")])
    with pytest.raises(MediaError, match="truncated"):
        read_rgb(tmp_path / "x.jpg")


def test_the_end_marker_of_a_thumbnail_is_not_that_of_the_picture():
    thumbnail = encoded(Image.fromarray(noise(6, 7, 3)), format="JPEG")
    exif = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    whole = encoded(Image.fromarray(noise(40, 50, 3)), format="JPEG")
    whole = whole[:2] + exif + whole[2:]
    assert has_end(whole) and not has_end(whole[:-2])


@pytest.mark.parametrize("folders", [("01", "1"), ("1", "01")])
def test_frames_of_equal_numbers_have_one_order_however_the_disk_lists_them(tmp_path, folders):
    for name in folders:
        (tmp_path / f"{name}.png").touch()
    assert [path.name for path in frame_files(tmp_path)] == ["01.png", "1.png"]


def test_numbers_go_before_the_names_that_carry_them(tmp_path):
    for name in ("1.png", "01.png", "001.png", "2.png"):
        (tmp_path / name).touch()
    assert [path.name for path in frame_files(tmp_path)] == ["001.png", "01.png", "1.png", "2.png"]


@pytest.mark.parametrize("name", ["a\0b.png", "a\ud800b.png", "a" * 5000 + ".png"])
def test_a_name_that_no_file_can_have_is_no_file(tmp_path, name):
    with pytest.raises(MediaError, match="no such file"):
        read_rgb(tmp_path / name)
