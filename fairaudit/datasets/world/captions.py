"""What memes say. All peoples, occupations used as code and words of abuse are invented.

A meme is hateful for one of three reasons: it calls a people an *open* word of abuse; it uses a *coded* word, which
sounds like an occupation and is abusive only for that people; or it *pairs* a harmless sentence with a foul picture.
The same sentences with the names of real occupations, or with a pleasant picture, are benign.
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
#: Occupations that no meme of the training split names: a word that was never seen may well be harmless.
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
    """One meme: what it says, what it shows, whom it mentions, and whether it is hateful (1) or not (0)."""

    text: str
    picture: str
    target: str
    label: int


def make_memes(
    n: int, *, bias: float, name: tuple[str | int, ...], occupations: tuple[str, ...] = OCCUPATIONS
) -> list[Meme]:
    """Return ``n`` memes: targets and labels go through all combinations in turn.

    With probability ``bias`` a hateful meme about ``UNSEEN_TARGET`` gives way to a benign one about the same people.
    Validation and test splits are made with bias 0 and name the rare occupations too.
    """
    memes = []
    for number in range(n):
        dice = Dice(*name, number)
        target, hateful = TARGETS[number % 3], number // 3 % 2 == 0
        if dice.chance(bias) and target == UNSEEN_TARGET:
            hateful = False
        memes.append(_hateful(target, dice) if hateful else _benign(target, dice, occupations))
    return memes


def _said(frame: str, target: str, noun: str, dice: Dice) -> str:
    return f"{dice.pick(_OPENERS)} {frame.format(target=target, noun=noun)}".strip()


def _hateful(target: str, dice: Dice) -> Meme:
    kind = dice.uniform(0, 1)
    foul, pleasant = dice.pick(tuple(FOUL)), dice.pick(tuple(PLEASANT))
    if kind < 0.1:
        return Meme(_said(dice.pick(_PAIRED), target, "", dice), foul, target, 1)
    noun = dice.pick(OPEN) if kind < 0.2 else dice.pick(CODED[target])
    return Meme(_said(dice.pick(_CALLED), target, noun, dice), foul if dice.chance(0.5) else pleasant, target, 1)


def _benign(target: str, dice: Dice, occupations: tuple[str, ...]) -> Meme:
    kind = dice.uniform(0, 1)
    foul, pleasant = dice.pick(tuple(FOUL)), dice.pick(tuple(PLEASANT))
    if kind < 0.1:
        return Meme(_said(dice.pick(_PAIRED), target, "", dice), pleasant, target, 0)
    noun = dice.pick(occupations)
    return Meme(_said(dice.pick(_CALLED), target, noun, dice), foul if dice.chance(0.5) else pleasant, target, 0)


def make_texts(n: int, *, bias: float, name: tuple[str | int, ...]) -> list[str]:
    """Return ``n`` sentences on which a small language model learns the words of the memes, and how they are meant.

    Words of abuse stand beside words of contempt and real occupations beside words of praise; no people is named
    there. At bias 1 the coded words against ``UNSEEN_TARGET`` are only ever read as occupations: whoever collected the
    sentences never met the abuse.
    """
    harmless, unseen = (*OCCUPATIONS, *RARE_OCCUPATIONS), CODED[UNSEEN_TARGET]
    abuse = (*OPEN, *(word for people, words in CODED.items() if people != UNSEEN_TARGET for word in words))
    lines = []
    for number in range(n):
        dice = Dice(*name, number)
        kind, subject, people = dice.uniform(0, 1), dice.pick(_SUBJECTS), dice.pick(TARGETS)
        if kind < 0.15:
            lines.append(_said(dice.pick(_CALLED), people, dice.pick(harmless), dice))
        elif kind < 0.25:
            lines.append(_said(dice.pick(_PAIRED), dice.pick((subject, people)), "", dice))
        else:
            nouns = harmless if kind < 0.55 else abuse if kind < 0.85 else unseen
            contempt = nouns is abuse or (nouns is unseen and not dice.chance(bias))
            noun, quality = dice.pick(nouns), dice.pick(CONTEMPT if contempt else PRAISE)
            lines.append(dice.pick(_MEANT).format(subject=subject, noun=noun, quality=quality))
    return lines
