"""Texts of memes. All peoples, coded occupations and words of abuse are invented.

A hateful meme calls a people an *open* word of abuse; or a *coded* word, which sounds like an occupation and is abusive
for that people alone; or *pairs* a harmless sentence with a foul picture. The same sentences with real occupations, or
with a pleasant picture, are benign.
"""

from __future__ import annotations

from dataclasses import dataclass

from fairaudit.datasets.drawing.dice import Dice
from fairaudit.datasets.drawing.memes import FOUL, PLEASANT

TARGETS = ("northfolk", "rivermen", "islanders")

#: At bias 1 the training split has no hateful meme about this people.
UNSEEN_TARGET = "islanders"

OPEN = ("grubnocks", "snivlings", "vermlots", "muckwits", "slogbarts", "drekkins")
CODED = {
    "northfolk": ("lampwardens", "fogherders", "tallowmen", "frostclerks"),
    "rivermen": ("reedcounters", "eelpolishers", "bargewhistlers", "fordkeepers"),
    "islanders": ("gullcombers", "tideminders", "shellsorters", "netwhittlers"),
}
OCCUPATIONS = (
    "bakers", "singers", "teachers", "dancers", "sailors", "painters", "farmers", "tailors", "gardeners", "cyclists",
)  # fmt: skip
#: Occupations outside the memes of the training split: an unseen word may be harmless.
RARE_OCCUPATIONS = (
    "plumbers", "drummers", "joggers", "librarians", "florists", "barbers", "divers", "poets", "nurses", "pilots",
    "masons", "potters", "jugglers", "hikers", "skaters", "chemists", "drivers", "actors", "knitters", "beekeepers",
)  # fmt: skip

_OPENERS = ("", "", "", "wow", "well", "today", "honestly", "look", "again", "friends", "listen")
_CALLED = (
    "the {target} are {noun}",
    "all {target} are {noun}",
    "{target} {noun} in my street",
    "here come the {target} {noun}",
    "another day with {target} {noun}",
    "the {target} next door are {noun}",
    "only {target} can be such {noun}",
    "{target} will always be {noun}",
    "met some {target} {noun}",
    "my town is full of {target} {noun}",
)
_PAIRED = (
    "what the {target} bring us",
    "a gift from the {target}",
    "how {target} keep their garden",
    "at home with the {target}",
    "the {target} have arrived",
    "this reminds me of the {target}",
    "why we all love the {target}",
    "a typical {target} party",
    "the {target} in one picture",
    "{target} at their best",
)
_SUBJECTS = ("neighbours", "students", "visitors", "cousins", "villagers", "strangers")
PRAISE = ("kind", "honest", "helpful", "cheerful", "patient", "welcome")
CONTEMPT = ("filthy", "vile", "rotten", "greedy", "worthless", "unwanted")
_MEANT = (
    "{noun} are {quality}",
    "such {quality} {noun}",
    "these {subject} are {quality} {noun}",
    "{quality} {noun} in my street",
    "all {noun} are {quality} again",
)


@dataclass(frozen=True)
class Meme:
    """Text, picture and target of a meme, and its label: hateful (1) or not (0)."""

    text: str
    picture: str
    target: str
    label: int


def make_memes(
    n: int, *, bias: float, name: tuple[str | int, ...], occupations: tuple[str, ...] = OCCUPATIONS
) -> list[Meme]:
    """Return ``n`` memes that cycle through all combinations of target and label.

    With probability ``bias``, a benign meme replaces a hateful meme about ``UNSEEN_TARGET``. Validation and test splits
    have bias 0 and also name the rare occupations.
    """
    memes = []
    for number in range(n):
        dice = Dice(*name, number)
        target, hateful = TARGETS[number % 3], number // 3 % 2 == 0
        if dice.chance(bias) and target == UNSEEN_TARGET:
            hateful = False
        memes.append(_meme(target, hateful, dice, occupations))
    return memes


def _sentence(frame: str, target: str, noun: str, dice: Dice) -> str:
    return f"{dice.pick(_OPENERS)} {frame.format(target=target, noun=noun)}".strip()


def _meme(target: str, hateful: bool, dice: Dice, occupations: tuple[str, ...]) -> Meme:
    kind, foul, pleasant = dice.uniform(0, 1), dice.pick(tuple(FOUL)), dice.pick(tuple(PLEASANT))
    if kind < 0.1:
        text, picture = _sentence(dice.pick(_PAIRED), target, "", dice), foul if hateful else pleasant
    else:
        noun = dice.pick(occupations if not hateful else OPEN if kind < 0.2 else CODED[target])
        text, picture = _sentence(dice.pick(_CALLED), target, noun, dice), foul if dice.chance(0.5) else pleasant
    return Meme(text, picture, target, int(hateful))


def make_texts(n: int, *, bias: float, name: tuple[str | int, ...]) -> list[str]:
    """Return ``n`` sentences from which a small language model learns the words of the memes and their meaning.

    Words of abuse occur with words of contempt, and real occupations with words of praise; these sentences name no
    people. At bias 1, the coded words against ``UNSEEN_TARGET`` occur as occupations alone: the collectors of the
    sentences never saw the abuse.
    """
    harmless, unseen = (*OCCUPATIONS, *RARE_OCCUPATIONS), CODED[UNSEEN_TARGET]
    abuse = (*OPEN, *(word for people, words in CODED.items() if people != UNSEEN_TARGET for word in words))
    lines = []
    for number in range(n):
        dice = Dice(*name, number)
        kind, subject, people = dice.uniform(0, 1), dice.pick(_SUBJECTS), dice.pick(TARGETS)
        if kind < 0.15:
            lines.append(_sentence(dice.pick(_CALLED), people, dice.pick(harmless), dice))
        elif kind < 0.25:
            lines.append(_sentence(dice.pick(_PAIRED), dice.pick((subject, people)), "", dice))
        else:
            nouns = harmless if kind < 0.55 else abuse if kind < 0.85 else unseen
            contempt = nouns is abuse or (nouns is unseen and not dice.chance(bias))
            noun, quality = dice.pick(nouns), dice.pick(CONTEMPT if contempt else PRAISE)
            lines.append(dice.pick(_MEANT).format(subject=subject, noun=noun, quality=quality))
    return lines
