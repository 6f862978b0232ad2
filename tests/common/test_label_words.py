import pytest

from deepfakebench_ext.common.label_words import claims, folder_claims, words
from deepfakebench_ext.common.types import FAKE, REAL

REAL_NAMES = """
real Real REAL Celeb-real YouTube-real original_sequences Authentic genuine pristine nature natural bonafide bona-fide
BonaFide 0_real real2 not_fake NotAFake no_deepfake non-synthetic not_ai_generated un-manipulated unmanipulated RealArt
no_fake_real
"""
FAKE_NAMES = """
fake fakes Deepfake DeepFakes deep_fake Celeb-synthesis manipulated_sequences synthetic artificial ai AIGC AI-gen
ai_generated AIGenerated AIgenerated forged tampered spoof FaceSwap face-swap Face2Face face_2_face NeuralTextures
neural-textures FaceShifter 1_fake fake1 non-real not_real NotReal No1_fake other_ai AiArtData audio_fake
"""
SILENT_NAMES = """
surreal train maintained realistic photorealistic unreal realm said fakery aim rain Celeb-DF-v2 c23 000_003 frames DFDC
not no_3 notebooks Chair domain
"""
OLDER_TOOL_REAL = "real original authentic genuine nature natural"
OLDER_TOOL_FAKE = "fake synthetic faceswap ai artificial manipulated deepfake synthesis"

NOTHING, BOTH = frozenset(), frozenset({REAL, FAKE})
REALS, FAKES = frozenset({REAL}), frozenset({FAKE})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FaceSwap", ["face", "swap", "faceswap"]),
        ("FaceSwap_c23", ["face", "swap", "faceswap", "c", "c23"]),
        ("AIGenerated", ["ai", "generated", "aigenerated"]),
        ("AI-gen", ["ai", "gen"]),
        ("Face2Face", ["face", "face", "face2face"]),
        ("0_real", ["real"]),
        ("train", ["train"]),
        ("Été_Réel", ["été", "réel"]),
        ("Re\u0301el", ["réel"]),
        ("ＦＡＫＥ", ["fake"]),
        ("LABEL_0", ["label"]),
        ("2023-01", []),
        ("", []),
    ],
)
def test_words_are_cut_at_punctuation_digits_and_humps(text, expected):
    assert words(text) == expected


@pytest.mark.parametrize("name", REAL_NAMES.split())
def test_real_is_recognised_in_class_names_and_directories(name):
    assert claims(name) == REALS
    assert folder_claims(name) == REALS


@pytest.mark.parametrize("name", FAKE_NAMES.split())
def test_fake_is_recognised_in_class_names_and_directories(name):
    assert claims(name) == FAKES
    assert folder_claims(name) == FAKES


@pytest.mark.parametrize("name", SILENT_NAMES.split())
def test_parts_of_words_claim_nothing(name):
    assert claims(name) == NOTHING
    assert folder_claims(name) == NOTHING


@pytest.mark.parametrize(
    "name", ["real_vs_fake", "RealVsFake", "real-and-deepfake", "RealVideo-FakeAudio", "not_fake_fake"]
)
def test_a_name_with_both_claims_both(name):
    assert claims(name) == BOTH
    assert folder_claims(name) == BOTH


@pytest.mark.parametrize(
    ("name", "claim"),
    [
        *[(name, REALS) for name in ("Realism", "human", "Humans", "hum", "live", "human_made")],
        *[(name, FAKES) for name in ("generated", "StyleGAN2", "GANs", "stable_diffusion", "dall-e", "midjourney")],
    ],
)
def test_words_that_are_subjects_elsewhere_count_in_class_names_only(name, claim):
    assert claims(name) == claim
    assert folder_claims(name) == NOTHING


@pytest.mark.parametrize(
    "name", ["DeepfakeBench", "deepfake-detector", "ai_project", "DeepFakeDetection", "fake_face_detection"]
)
def test_a_directory_named_after_the_subject_claims_nothing(name):
    assert claims(name) == FAKES
    assert folder_claims(name) == NOTHING


def test_a_subject_takes_nothing_from_real():
    assert folder_claims("real_face_detection") == REALS


@pytest.mark.parametrize("word", OLDER_TOOL_REAL.split())
def test_the_older_tools_real_directories_are_real(word):
    assert folder_claims(word) == REALS


@pytest.mark.parametrize("word", OLDER_TOOL_FAKE.split())
def test_the_older_tools_fake_directories_are_fake(word):
    assert folder_claims(word) == FAKES
