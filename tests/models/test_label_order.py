import pytest

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.models.label_order import decide_label_order

# Class names of checkpoints on the Hugging Face hub (the last of public training code), and which indices are fake.
PUBLISHED = {
    "dima806/deepfake_vs_real_image_detection": ("Real Fake", (1,)),
    "prithivMLmods/Deep-Fake-Detector-Model": ("Real Fake", (1,)),
    "prithivMLmods/Deep-Fake-Detector-v2-Model": ("Realism Deepfake", (1,)),
    "prithivMLmods/Deepfake-Detection-Exp-02-21": ("Deepfake Real", (0,)),
    "prithivMLmods/Deepfake-Detect-Siglip2": ("Fake Real", (0,)),
    "prithivMLmods/deepfake-detector-model-v1": ("fake real", (0,)),
    "prithivMLmods/AI-vs-Deepfake-vs-Real": ("Artificial Deepfake Real", (0, 1)),
    "prithivMLmods/AI-vs-Deepfake-vs-Real-Siglip2": ("AI Deepfake Real", (0, 1)),
    "Wvolf/ViT_Deepfake_Detection": ("Real Fake", (1,)),
    "umm-maybe/AI-image-detector": ("artificial human", (0,)),
    "Organika/sdxl-detector": ("artificial human", (0,)),
    "ideepankarsharma2003/Midjourney_v6_ImageClassifier": ("ai_gen human", (0,)),
    "Nahrawy/AIorNot": ("real ai", (1,)),
    "Ateeqq/ai-vs-human-image-detector": ("ai hum", (0,)),
    "Dafilab/ai-image-detector": ("ai human", (0,)),
    "capcheck/ai-human-generated-image-detection": ("human AI-generated", (1,)),
    "jacoballessio/ai-image-detect": ("fake real", (0,)),
    "mmanikanta/VIT_AI_image_detector": ("FAKE REAL", (0,)),
    "Yin2610/autotrain2": ("Fake Real", (0,)),
    "yithh/ViT-DeepfakeDetection": ("real fake", (1,)),
    "DeepFakeDetector/vit-base-final": ("real fake", (1,)),
    "dsabljic/deepfake_faces_vit": ("REAL FAKE", (1,)),
    "yaya36095/ai-source-detector": ("stable_diffusion midjourney dalle real other_ai", (0, 1, 2, 4)),
    "nguyenkhoa/dinov2_Liveness_detection_v2.1.2": ("live spoof", (1,)),
    "DF_Arena_1B_V_1": ("spoof bonafide", (0,)),
    "asheera/videomae-base-finetuned-animatelcm-paired-all": ("real fake", (1,)),
    "yadvender12/AV_MAE_2class_DF1M": ("fake real", (0,)),
    "yadvender12/AV_MAE_LAVDF": ("audio_fake both_fake real video_fake", (0, 1, 3)),
    "trained on OmAlve/Real-VS-AI-Art": ("AI_Art Real_Art", (0,)),
    "trained on itsLeen/real_ai_images": ("AiArtData RealArt", (0,)),
    "ViT with three classes": ("Authentic Deepfake AI-Generated", (1, 2)),
    "forgery detection": ("authentic tampered", (1,)),
}

NO_ANSWER = {
    "transformers' placeholders": ["LABEL_0", "LABEL_1"],
    "Anwarkh1/Skin_Cancer, seven placeholders": [f"LABEL_{index}" for index in range(7)],
    "prithivMLmods/Deepfake-Quality-Classifier2-SigLIP2, only fakes": ["Issue In Deepfake", "High Quality Deepfake"],
    "kampkelly/fakeimagedetection, no class called real": (
        ["celeba", "celeba_hq", "deepfakes", "face2face", "faceswap", "neuraltextures", "youtube"]
    ),
    "cats and dogs": ["cat", "dog"],
    "Ant-Onion/dummy-model, birds": ["Broadbill", "Paradise"],
    "ImageNet": ["tench, Tinca tinca", "goldfish, Carassius auratus", "great white shark", "electric ray", "artichoke"],
    "Kinetics": ["abseiling", "air drumming", "playing harmonica", "training dog", "trapezing", "faceplanting"],
    "UCF101": ["ApplyEyeMakeup", "ApplyLipstick", "Archery", "BabyCrawling"],
    "ImageNet-21k, which has a human and an artificial horizon": (
        [f"thing {index}" for index in range(200)] + ["homo, man, human being, human", "artificial horizon"]
    ),
    "one of two classes unknown": ["real", "other"],
    "numbers": ["0", "1"],
    "FakeAVCeleb, classes that claim both": (
        ["RealVideo-RealAudio", "RealVideo-FakeAudio", "FakeVideo-RealAudio", "FakeVideo-FakeAudio"]
    ),
    "two reals": ["human", "original"],
}


@pytest.mark.parametrize("model", PUBLISHED)
def test_the_fake_classes_of_published_detectors_are_found(model):
    names, fake = PUBLISHED[model]
    id2label = dict(enumerate(names.split()))
    order = decide_label_order(id2label, len(id2label))
    assert order.fake == fake
    assert order.num_logits == len(id2label)
    assert order.names == tuple(names.split())
    assert order.decided_by == "checkpoint names"


@pytest.mark.parametrize("case", NO_ANSWER)
def test_names_that_do_not_tell_are_refused_and_shown(case):
    names = NO_ANSWER[case]
    with pytest.raises(ConfigError, match="--fake_index 1") as caught:
        decide_label_order(dict(enumerate(names)), len(names))
    assert names[0] in str(caught.value)


def test_keys_may_be_strings_in_any_order():
    assert decide_label_order({"1": "bonafide", "0": "spoof"}, 2).fake == (0,)
    names = {str(index): "ai" for index in range(11)} | {"2": "real"}
    assert decide_label_order(dict(sorted(names.items())), 11).fake == (0, 1, *range(3, 11))


def test_unknown_classes_beside_known_ones_count_as_not_real():
    assert decide_label_order({0: "real", 1: "fake", 2: "stylized"}, 3).fake == (1, 2)


def test_placeholders_give_way_to_label2id():
    order = decide_label_order({0: "LABEL_0", 1: "LABEL_1"}, 2, label2id={"fake": "0", "real": "1"})
    assert (order.fake, order.names) == ((0,), ("fake", "real"))
    assert decide_label_order(None, 2, label2id={"real": 0, "fake": 1}).fake == (1,)


def test_a_placeholder_label2id_is_no_contradiction():
    assert decide_label_order({0: "Fake", 1: "Real"}, 2, label2id={"LABEL_0": 0, "LABEL_1": 1}).fake == (0,)


def test_id2label_and_label2id_that_contradict_each_other_are_refused():
    with pytest.raises(ConfigError, match="id2label says 0 Real, 1 Fake, label2id says Real 1, Fake 0"):
        decide_label_order({0: "Real", 1: "Fake"}, 2, label2id={"Real": 1, "Fake": 0})


@pytest.mark.parametrize("id2label", [{0: "real", 1: "fake"}, {1: "real", 2: "fake", 3: "ai"}, {"real": "0"}])
def test_names_that_do_not_fit_the_head_are_refused(id2label):
    with pytest.raises(ConfigError, match="and it has 3 logits"):
        decide_label_order(id2label, 3, label2id={"real": 0, "fake": 1, "ai": 2})


@pytest.mark.parametrize("id2label", [None, {}])
def test_missing_names_are_refused(id2label):
    with pytest.raises(ConfigError, match=r"names no classes.*--fake_index"):
        decide_label_order(id2label, 2)


@pytest.mark.parametrize(("name", "fake"), [("fake", (0,)), ("AI-generated", (0,)), ("real", ()), ("not_fake", ())])
def test_one_logit_speaks_for_its_class(name, fake):
    order = decide_label_order({0: name}, 1)
    assert (order.fake, order.num_logits) == (fake, 1)


def test_one_logit_without_a_name_needs_fake_index():
    with pytest.raises(ConfigError, match=r"LABEL_0.*--fake_index 0 if the one logit speaks for fake"):
        decide_label_order({0: "LABEL_0"}, 1)
    assert decide_label_order({0: "LABEL_0"}, 1, fake_index=(0,)).fake == (0,)


def test_fake_index_overrides_the_names_and_is_recorded():
    order = decide_label_order({0: "Real", 1: "Fake"}, 2, fake_index=(0,))
    assert (order.fake, order.names, order.decided_by) == ((0,), ("Real", "Fake"), "--fake_index")


def test_fake_index_needs_no_names():
    order = decide_label_order({0: "a"}, 3, fake_index=(2, 0, 2))
    assert (order.fake, order.names) == ((0, 2), ())


@pytest.mark.parametrize("fake_index", [(2,), (-1,), (0, 2), ()])
def test_fake_index_outside_the_head_is_refused(fake_index):
    with pytest.raises(ConfigError, match="logits are 0 to 1"):
        decide_label_order({0: "real", 1: "fake"}, 2, fake_index=fake_index)


def test_fake_index_of_every_logit_is_refused():
    with pytest.raises(ConfigError, match="every logit"):
        decide_label_order({0: "real", 1: "fake"}, 2, fake_index=(0, 1))


def test_long_lists_of_names_are_cut_in_the_message():
    with pytest.raises(ConfigError, match="and 990 more") as caught:
        decide_label_order({index: f"class {index}" for index in range(1000)}, 1000)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "name",
    ["LABEL_2", "2", "", "?", "n/a", "x", "nonface", "unclear", "bg", "out_of_distribution", "low quality", "occluded"],
)
def test_a_third_class_whose_name_says_nothing_or_no_verdict_is_not_taken_for_fake(name: str) -> None:
    with pytest.raises(ConfigError, match="says neither real nor fake"):
        decide_label_order({0: "Real", 1: "Fake", 2: name}, 3)
    assert decide_label_order({0: "Real", 1: "Fake", 2: name}, 3, fake_index=(1,)).fake == (1,)


@pytest.mark.parametrize(
    ("names", "fake"),
    [
        (["without ai", "with ai"], (1,)),
        (["never fake", "fake"], (1,)),
        (["modified", "unmodified"], (0,)),
        (["real", "fake", "unedited"], (1,)),
        (["Real-ESRGAN", "stylegan", "nature"], (0, 1)),
    ],
)
def test_words_that_turn_a_claim_and_generators_named_real_are_read(names: list[str], fake: tuple[int, ...]) -> None:
    assert decide_label_order(dict(enumerate(names)), len(names)).fake == fake
