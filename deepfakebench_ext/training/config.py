"""What is trained and how: the `tuning:` and `training:` blocks of a detector YAML, validated."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from deepfakebench_ext.common.choices import PRECISIONS, Precision
from deepfakebench_ext.common.errors import ConfigError

Mode = Literal["head", "layernorm", "partial", "gradual", "svd", "lora", "full"]
B = TypeVar("B", bound="_Block")
Count = Annotated[int, Field(ge=1, le=10**9)]
Crf = Annotated[int, Field(ge=0, le=51)]
Moment = Annotated[float, Field(ge=0, lt=1)]
Rate = Annotated[float, Field(gt=0, le=1e6)]
CALLED: Mapping[str, str] = {
    "learning_rate": "lr",
    "nEpochs": "epochs",
    "num_epochs": "epochs",
    "num_train_epochs": "epochs",
    "train_batchSize": "batch_size",
    "per_device_train_batch_size": "batch_size",
    "gradient_accumulation_steps": "accumulate",
    "max_grad_norm": "clip_norm",
    "warmup_ratio": "warmup",
    "lr_scheduler": "schedule",
    "lr_scheduler_type": "schedule",
    "loss_func": "loss",
    "early_stopping": "patience",
    "r": "lora_rank",
}
"""What other trainers call our keys."""


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def of(cls: type[B], values: Mapping[str, Any] | None, name: str) -> B:
        """Return the block called `name` in a YAML; None is a block that is not there, all defaults.

        Raises:
            ConfigError: A key nobody knows, or a value of the wrong kind.
        """
        unknown = sorted(set(values or {}) - set(cls.model_fields), key=str)
        if unknown:
            called = [ours for ours in (CALLED.get(str(unknown[0])),) if ours in cls.model_fields]
            near = called or difflib.get_close_matches(str(unknown[0]), cls.model_fields, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise ConfigError(
                f"{name}: unknown key {unknown[0]!r}{hint} Allowed are {', '.join(sorted(cls.model_fields))}"
            )
        try:
            return cls.model_validate(dict(values or {}))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join([name, *map(str, first["loc"])])
            raise ConfigError(f"{where}: {first['msg']} (got {first['input']!r})") from error


class TuningConfig(_Block):
    """Which parameters are trained.

    Attributes:
        mode: `head`: the classifier alone; `layernorm`: layer norms and head (arXiv 2503.19683); `partial`: the last
            `share` of the layers and the head; `gradual`: the head first, then blocks from the top; `svd`: Effort's
            residuals and the head (arXiv 2411.15633); `lora`: low-rank adapters and the head; `full`: everything.
        l2_normalise: Features of length 1 before the head.
        share: For `partial`, of the backbone's layers.
        unfreeze_every: For `gradual`, epochs between two blocks.
        svd_rank: For `svd`, singular values kept frozen; None keeps all but one.
        orthogonality_weight, singular_value_weight: For `svd`, weights of Effort's two extra losses.
        lora_rank, lora_alpha, lora_dropout: For `lora`, as peft calls them.
        batch_norm: `moving`: BatchNorms take the statistics of each batch, in one process; `frozen`: they use and keep
            those of the weights, so that no image depends on the others of its batch, nor on how it is shared out.
        layer_decay: Factor of the learning rate from one layer to the one below it; 1 is the same for all.
    """

    mode: Mode = "layernorm"
    l2_normalise: bool = False
    share: float = Field(default=0.3, gt=0, le=1)
    unfreeze_every: Count = 1
    svd_rank: int | None = Field(default=None, ge=0)
    orthogonality_weight: float = Field(default=0.0, ge=0)
    singular_value_weight: float = Field(default=0.0, ge=0)
    lora_rank: Count = 8
    lora_alpha: float = Field(default=16.0, gt=0)
    lora_dropout: float = Field(default=0.0, ge=0, lt=1)
    batch_norm: Literal["moving", "frozen"] = "moving"
    layer_decay: float = Field(default=1.0, gt=0, le=1)


class AugmentationConfig(_Block):
    """How training frames are changed, in DeepfakeBench's terms (`data_aug` in its YAMLs); all frames of a clip alike.

    Attributes:
        flip_prob, rotate_prob, rotate_limit: Mirroring; rotation in degrees.
        blur_prob, blur_limit: Gaussian blur; odd kernel sizes in pixels.
        brightness_prob: Of any change of brightness, contrast, colour.
        brightness_limit, contrast_limit: Shares of the full range.
        quality_prob, quality_lower, quality_upper: JPEG compression.
        h264_prob, h264_crf: H.264 in its place, as in a film that was uploaded: 0 loses least, 51 all.
    """

    flip_prob: float = Field(default=0.5, ge=0, le=1)
    rotate_prob: float = Field(default=0.5, ge=0, le=1)
    rotate_limit: tuple[float, float] = (-10.0, 10.0)
    blur_prob: float = Field(default=0.5, ge=0, le=1)
    blur_limit: tuple[int, int] = (3, 7)
    brightness_prob: float = Field(default=0.5, ge=0, le=1)
    brightness_limit: tuple[float, float] = (-0.1, 0.1)
    contrast_limit: tuple[float, float] = (-0.1, 0.1)
    quality_prob: float = Field(default=0.5, ge=0, le=1)
    quality_lower: int = Field(default=40, ge=1, le=100)
    quality_upper: int = Field(default=100, ge=1, le=100)
    h264_prob: float = Field(default=0.0, ge=0, le=1)
    h264_crf: tuple[Crf, Crf] = (23, 40)

    @model_validator(mode="after")
    def _rise(self) -> AugmentationConfig:
        for name in ("rotate_limit", "blur_limit", "brightness_limit", "contrast_limit", "h264_crf"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} goes from low to high, and {low} is above {high}")
        if self.quality_lower > self.quality_upper:
            raise ValueError(f"quality_lower {self.quality_lower} is above quality_upper {self.quality_upper}")
        if self.blur_limit[0] < 1:
            raise ValueError(f"blur_limit begins with {self.blur_limit[0]}; a kernel has 1 pixel or more")
        return self


class TrainingConfig(_Block):
    """The recipe.

    Attributes:
        epochs: How often every sample is drawn.
        batch_size: Images or clips of a step, over all processes together, before `accumulate`.
        accumulate: Batches whose gradients make one step.
        optimizer: `adamw` or `adam`.
        lr: Highest learning rate of the backbone's parameters.
        head_lr: The head's; None is `lr`.
        weight_decay: On matrices only.
        betas: Of the optimizer.
        warmup: Share of all steps over which the rate rises from 0.
        schedule: After the warm-up: `cosine` to `min_lr_share` of the rate, or `constant`.
        min_lr_share: Where the cosine ends.
        clip_norm: Largest norm of the gradient; None does not clip.
        dropout: Before the head.
        label_smoothing: Share of the target spread evenly over both classes, as torch has it.
        loss: `cross_entropy` over two logits, or `bce` on their difference.
        uniformity_weight, alignment_weight: Weights of two losses over all pairs of a batch's features, GenD's (arXiv
            2508.06248); `accumulate` does not pair what lies in two batches.
        balance: `none`; `weights`: classes weighted in the loss; `sampling`: as many reals as fakes drawn;
            `methods`: and of each method of the fakes equally many.
        precision: What the backbone computes in: `float32`, `bfloat16`, `float16`, or other tools' words for them.
        gradient_checkpointing: Less memory for more time.
        ema: Decay of a moving average of the parameters, which is then validated and saved; None for none.
        monitor: Validation figure that says which epoch is best: `auc`, `ap`, `eer`, `loss`, ... of videos where there
            are any, else of frames or clips; or with its level, such as `frame_auc`; of one of several sets
            `other/auc`. Equal ones are told by the loss.
        patience: Epochs without improvement before it stops; None never stops early.
        min_delta: What counts as improvement.
        threshold_fpr: Share of the real validation samples that the stored threshold may call fake; None puts it where
            balanced accuracy is best.
        frames_per_video: Frames of a video drawn anew each epoch, for an image detector.
        clips_per_video: Clips of a video drawn anew each epoch, for a video detector.
        val_frames, val_clips: Frames or clips of a validation video, evenly spread.
        augmentation: None leaves the frames as they are.
        self_blend: Train on real faces alone; the fakes are made of them (CVPR 2022, arXiv 2204.08376).
        seed: Of every draw.
    """

    epochs: Count = 10
    batch_size: Count = 32
    accumulate: Count = 1
    optimizer: Literal["adamw", "adam"] = "adamw"
    lr: Rate = 1e-4
    head_lr: Rate | None = None
    weight_decay: float = Field(default=0.05, ge=0)
    betas: tuple[Moment, Moment] = (0.9, 0.999)
    warmup: float = Field(default=0.1, ge=0, lt=1)
    schedule: Literal["cosine", "constant"] = "cosine"
    min_lr_share: float = Field(default=0.0, ge=0, le=1)
    clip_norm: float | None = Field(default=1.0, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    loss: Literal["cross_entropy", "bce"] = "cross_entropy"
    uniformity_weight: float = Field(default=0.0, ge=0)
    alignment_weight: float = Field(default=0.0, ge=0)
    balance: Literal["none", "weights", "sampling", "methods"] = "none"
    precision: Precision = "float32"
    gradient_checkpointing: bool = False
    ema: float | None = Field(default=None, gt=0, lt=1)
    monitor: str = "auc"
    patience: Count | None = None
    min_delta: float = Field(default=0.0, ge=0)
    threshold_fpr: float | None = Field(default=None, ge=0, lt=1)
    frames_per_video: Count = 8
    clips_per_video: Count = 1
    val_frames: Count = 8
    val_clips: Count = 2
    augmentation: AugmentationConfig | None = None
    self_blend: bool = False
    seed: int = Field(default=1024, ge=0, lt=2**63)

    @field_validator("precision", mode="before")
    @classmethod
    def _one_word(cls, value: Any) -> Any:
        if value is False:  # YAML 1.1 reads `no` as it reads `false`
            return "float32"
        return PRECISIONS.get(str(value).lower(), value)  # 16 is a number to YAML

    @model_validator(mode="after")
    def _agree(self) -> TrainingConfig:
        if self.self_blend and self.balance != "none":
            raise ValueError("self_blend makes one fake of each real, so balance must be none")
        return self
