"""Size of the synthetic world, and the check of its bias."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from fairaudit.core.errors import ConfigError


@dataclass(frozen=True)
class Size:
    """Numbers of people, homes and pictures.

    Parameters
    ----------
    n_people, images_per_person : int
        Audited people, and portraits of each person.
    n_households, photos_per_household : int
        Audited homes, and photographs from each home, at most one for each topic.
    n_memes_train, n_memes_dev, n_memes_test : int
        Memes by split; a multiple of six gives each target equally many hateful and benign memes.
    n_training, n_labelled : int
        Training images without and with labels.
    pixels : int, default 64
        Side of each picture, at least 32.
    """

    n_people: int
    images_per_person: int
    n_households: int
    photos_per_household: int
    n_memes_train: int
    n_memes_dev: int
    n_memes_test: int
    n_training: int
    n_labelled: int
    pixels: int = 64

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            least = 32 if name == "pixels" else 1
            if value < least:
                raise ConfigError(
                    f"{name} of a synthetic world must be at least {least}; got {value}. Choose a larger number."
                )
        if self.photos_per_household > 13:
            raise ConfigError(
                "photos_per_household of a synthetic world must be at most 13, one for each topic; "
                f"got {self.photos_per_household}. Choose a smaller number or more households."
            )

    @property
    def n_population(self) -> int:
        """Number of pictures that ``write_population`` draws."""
        memes = self.n_memes_train + self.n_memes_dev + self.n_memes_test
        return self.n_people * self.images_per_person + self.n_households * self.photos_per_household + memes


DEMO = Size(
    n_people=90, images_per_person=3, n_households=240, photos_per_household=6,
    n_memes_train=3000, n_memes_dev=300, n_memes_test=1020, n_training=3000, n_labelled=1800,
)  # fmt: skip

QUICK = Size(
    n_people=60, images_per_person=2, n_households=45, photos_per_household=5,
    n_memes_train=150, n_memes_dev=45, n_memes_test=135, n_training=480, n_labelled=360,
)  # fmt: skip


def check_bias(bias: float) -> None:
    """Raise ConfigError unless ``bias`` is from 0 to 1."""
    if not 0.0 <= bias <= 1.0:
        raise ConfigError(
            f"bias of a synthetic world must be between 0 (nothing planted) and 1 (all planted); got {bias}. "
            "Choose a number in that range."
        )
