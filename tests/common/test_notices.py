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


def test_a_key_of_a_megabyte_is_cut_out_of_a_notice():
    said = Notice("duplicates", f"2 files, such as {'k' * 2**20}, have the same content")
    assert len(said.text) < 2100
    assert said.text.startswith("2 files, such as kkk")
    assert said.text.endswith("kkk, have the same content")
    assert said.of("detector").text.startswith("detector: 2 files")
