from deepfakebench_ext.analysis.progress import Progress, line


def test_the_line_says_the_rate_and_the_time_left():
    said = line("a.mp4", 0, 30_000_000, 7_230_000_000, 10.0)
    assert said == "a.mp4: 30.0 of 7230.0 s of film, 3.00 s of it a second, 40:00 left"


def test_a_film_that_has_not_moved_has_no_rate():
    assert line("a.mp4", 5_000_000, 5_000_000, 9_000_000, 3.0) == "a.mp4: 5.0 of 9.0 s"


def test_a_line_comes_every_ten_seconds_and_log_files_have_it(caplog):
    now = [0.0]
    tell = Progress("a.mp4", clock=lambda: now[0])
    with caplog.at_level("INFO"):
        for second in range(25):
            now[0] = float(second)
            tell(second * 2_000_000, 100_000_000)
    assert [record.getMessage() for record in caplog.records] == [
        "a.mp4: 20.0 of 100.0 s of film, 2.00 s of it a second, 0:40 left",
        "a.mp4: 40.0 of 100.0 s of film, 2.00 s of it a second, 0:30 left",
    ]
