from made_tracks import bare, track

from deepfakebench_ext.analysis.cut import Segment, cut_segments
from deepfakebench_ext.analysis.formats.subtitles import subrip, webvtt

SEGMENTS = cut_segments([track([0.9, None, 0.7], number=3)], bare(max_gap_s=1))


def segment(start_us, end_us):
    return Segment(start_us, end_us, 0.5, 1, 1, start_us, 0.75, end_us - start_us)


def test_webvtt_is_the_text_that_players_read():
    assert webvtt(SEGMENTS, note="not\ncalibrated --> see policy") == (
        "WEBVTT\n\nNOTE not calibrated -> see policy\n\n1\n00:00:00.000 --> 00:00:03.000\n"
        "SUSPECT face 3: 0.80, peak 0.90, 67% scored\n"
    )


def test_subrip_counts_from_1_and_has_commas():
    assert subrip([segment(0, 1_000_000), segment(3_661_500_000, 3_662_000_000)]) == (
        "1\n00:00:00,000 --> 00:00:01,000\nSUSPECT face 1: 0.50, peak 0.75\n\n"
        "2\n01:01:01,500 --> 01:01:02,000\nSUSPECT face 1: 0.50, peak 0.75\n"
    )


def test_each_line_says_what_to_beware_of():
    words = "SUSPECT face 1: 0.50, peak 0.75 (not calibrated)\n"
    assert subrip([segment(0, 1_000_000)], beware="not calibrated").endswith(words)
    assert webvtt([segment(0, 1_000_000)], note="", beware="not calibrated").endswith(words)


def test_no_marked_moment_is_without_its_line():
    assert "00:00:00,100 --> 00:00:00,101" in subrip([segment(100_001, 100_002)])
    assert "00:00:00,000 --> 00:00:00,100" in subrip([segment(-500_000, 100_000)])


def test_nothing_marked_is_an_empty_list():
    assert subrip([]) == ""
    assert webvtt([], note="0.5, not calibrated") == "WEBVTT\n\nNOTE 0.5, not calibrated\n"
