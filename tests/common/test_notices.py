"""Notices are records; that of an untrained head is said once, whatever words the others have."""

from __future__ import annotations

from deepfakebench_ext.common.notices import Notice, untrained_head, untrained_unsaid


def test_a_notice_of_one_of_several_names_it_and_stays_of_its_kind():
    said = Notice("faceless", "3 frames show no face").of("b.pth")
    assert said == Notice("faceless", "b.pth: 3 frames show no face", subject="b.pth")
    assert str(untrained_head().of("a")).startswith("a: UNTRAINED HEAD")
    assert untrained_head().of("a").severity == "severe"


def test_an_untrained_head_is_told_by_kind_and_not_by_words():
    words = Notice("duplicates", "2 files, such as untrained_set/a, have the same content under both labels")
    assert untrained_unsaid([words], trained=False) == [untrained_head()]
    assert untrained_unsaid([words, untrained_head("w.pth", 1)], trained=False) == []
    assert untrained_unsaid([words], trained=True) == untrained_unsaid([], trained=None) == []
