"""From the events of an answer to its tokens: which events brought them, and how many came first.

A server's count and its text need not agree: empty events stand for special tokens or for those
behind an end of sequence, thoughts are counted and not shown, one fragment carries several tokens,
a gateway lets many wait and sends them together, or the count is not true. Pure.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["UNHELD", "Counted", "Events", "count", "plain", "seen"]

# How a doubt ends that only the look of a text gave rise to.
UNHELD = "does not hold them"

# Fragments may be so many fewer than tokens: characters of several tokens are shown when whole.
_SHOWN = 0.9
# Text of fewer words and signs than this share of the counted tokens does not hold them.
_HELD = 0.6
# So many more words than fragments, and a fragment holds several tokens.
_MORE_WORDS = 1.2
# Of signs that nobody sees, and in ASCII of events without text in between, so large a share of the
# fragments is no token: these fill an answer up. So is a larger one of blanks, code has many.
_PADDED, _BLANKS = 0.1, 0.4
_UNSEEN = "\0\u200b\u2060\ufeff"
_UNSEEN_JSON = re.compile(
    rb"(?:\\u0000|\\u200b|\\u2060|\\ufeff|%b)+" % "|".join(_UNSEEN[1:]).encode(), re.IGNORECASE
)
_BLANK_JSON = re.compile(rb"(?: |\\[nrt])+")
# Special tokens are events without text, but not nearly all of an answer, unless it is this short.
_SILENT, _LEAST_WITH_TEXT = 0.8, 16
# Splitting text into tokens never joins a word to the next one, so there is a token for each of
# these at least; of Han and kana there may be two signs in one.
_WORD = r"[^\W\d_]+|\d+"
_PIECE = r"[^\W\d_]+|\d|[^\w\s]|_"
_WIDE = r"[぀-ヿ㐀-鿿가-힯]"


@dataclass(slots=True, kw_only=True)
class Events:
    """What the events of one answer said, each by its place among them.

    Attributes:
        shown: with text.
        blank: of a choice, without text.
        final: blank, with the reason why the answer is finished.
        rising: with the number of tokens so far, where the server counts in every event.
        texts: of `shown`, as they stood in JSON.
        thoughts: how many of `shown` are thoughts and no answer.
        first_answer: place of the first fragment that is not a thought; -1 for none.
        answers: fragments with text of each answer that a request is given, by its index.
    """

    shown: list[int] = field(default_factory=list)
    blank: list[int] = field(default_factory=list)
    final: int = -1
    rising: list[tuple[int, int]] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    thoughts: int = 0
    first_answer: int = -1
    answers: Counter[int] = field(default_factory=Counter)

    @property
    def are_of_several(self) -> bool:
        """Whether they belong to several answers; some servers number fragments in that place."""
        return sum(fragments > 1 for fragments in self.answers.values()) > 1

    def show(self, place: int, text: bytes, *, thought: bool) -> None:
        """Note a fragment with text."""
        self.shown.append(place)
        self.texts.append(text)
        if thought:
            self.thoughts += 1
        elif self.first_answer < 0:
            self.first_answer = place

    def show_all(self, place: int, texts: Sequence[bytes], *, thought: bool) -> None:
        """Note fragments with text, one after another."""
        self.shown += range(place, place + len(texts))
        self.texts += texts
        if thought:
            self.thoughts += len(texts)
        elif texts and self.first_answer < 0:
            self.first_answer = place


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Which events brought tokens.

    Attributes:
        places: of the events that brought tokens.
        tokens: how many came in all of them.
        first: how many of these came with the first arrival.
        by: "events" where each brought one, "server" where it counted as it went, "text" where
            tokens are spread over the text.
        silent: tokens among them that events without text stand for.
        hidden: tokens that were counted and not shown: thoughts.
        doubt: why their pace is not known, "" where it is.
    """

    places: list[int]
    tokens: int
    first: float
    by: Literal["events", "server", "text"] = "events"
    silent: int = 0
    hidden: int = 0
    doubt: str = ""


def count(
    events: Events, stamps: Sequence[int], *, completion: int | None, reasoning: int | None
) -> Counted:
    """Count the tokens of an answer.

    Args:
        events: what was read.
        stamps: arrival of every event, by place.
        completion: output tokens as the server counts them, None if it does not.
        reasoning: those among them that were thoughts, None if it does not say.
    """
    counted = _counted(events, stamps, completion, reasoning)
    doubt = counted.doubt or _padded(events, counted)
    return replace(counted, doubt=doubt) if doubt else counted


def _counted(
    events: Events, stamps: Sequence[int], completion: int | None, reasoning: int | None
) -> Counted:
    shown = events.shown
    if completion is None:
        return replace(_each(shown, stamps, len(shown)), doubt=_untold(events))
    if completion == len(shown):
        return _each(shown, stamps, len(shown))
    if _rises(events, completion):
        return _by_rises(events, stamps, completion)
    hidden = min(reasoning or 0, completion) if not events.thoughts else 0
    visible = completion - hidden
    if visible == len(shown):
        return _each(shown, stamps, visible, hidden=hidden)
    blank = events.blank + ([events.final] if events.final >= 0 else [])
    if len(shown) < visible:
        for extra in (events.blank, blank):
            if len(shown) + len(extra) == visible:
                counted = _each(sorted(shown + extra), stamps, visible, hidden=hidden)
                return replace(counted, silent=len(extra))
    return _by_text(events, stamps, visible, hidden)


def _each(places: list[int], stamps: Sequence[int], tokens: int, hidden: int = 0) -> Counted:
    """One token an event; they are in order of arrival."""
    first = bisect_right(places, stamps[places[0]], key=stamps.__getitem__) if places else 0
    return Counted(places=places, tokens=tokens, first=first, hidden=hidden)


def _rises(events: Events, completion: int) -> bool:
    """Whether the server counted as it went, and not only at the end."""
    counts = [number for _, number in events.rising]
    return len(set(counts)) > 1 and counts[-1] == completion and counts == sorted(counts)


def _by_rises(events: Events, stamps: Sequence[int], completion: int) -> Counted:
    """The events at which the server's own count rose."""
    steps = [(-1, 0), *events.rising]
    risen = [(place, number) for (_, before), (place, number) in pairwise(steps) if number > before]
    places = [place for place, _ in risen]
    first = max(number for place, number in risen if stamps[place] == stamps[places[0]])
    # An event without text may be a special token, and not more than one.
    silent = min(completion, len(events.blank))
    return Counted(
        places=places,
        tokens=completion,
        first=first,
        by="server",
        silent=silent,
        doubt=_unheld(events, completion - silent),
    )


def _padded(events: Events, counted: Counted) -> str:
    """Why not all that was counted are tokens: some of it only fills the answer up."""
    fragments = len(events.shown)
    if counted.silent > _SILENT * counted.tokens and counted.tokens >= _LEAST_WITH_TEXT:
        return f"{counted.silent} of {counted.tokens} tokens counted are events without text"
    every = b"".join(events.texts)
    if (b"\\u" in every or not every.isascii()) and _UNSEEN_JSON.search(every):
        unseen = sum(map(bool, map(_UNSEEN_JSON.fullmatch, events.texts)))
        if unseen > _PADDED * fragments:
            return f"{unseen} of {fragments} fragments hold nothing that can be seen"
    if not counted.silent or counted.silent <= _PADDED * fragments:
        return ""
    # A character of several bytes is shown with its last one; a letter has no other.
    blank = set(events.blank)
    between = sum(
        place - 1 in blank and text.isascii() and b"\\u" not in text
        for place, text in zip(events.shown[1:], events.texts[1:], strict=True)
    )
    if between <= _PADDED * fragments:
        return ""
    return f"{between} of {fragments} fragments come behind an event without text, counted as well"


def _untold(events: Events) -> str:
    """Why fragments are not tokens where the server never counts: their text has more words."""
    blank = sum(map(bool, map(_BLANK_JSON.fullmatch, events.texts)))
    if blank > _BLANKS * len(events.shown):
        return f"the server never counts, and {blank} of {len(events.shown)} fragments are blank"
    words = _words_of(_text_of(events))
    if words <= _MORE_WORDS * len(events.shown):
        return ""
    return f"the server never counts, and {len(events.shown)} fragments hold {words:.0f} words"


def _unheld(events: Events, tokens: int) -> str:
    """Why so many tokens are not believed, "" where there is text for them."""
    if max(len(events.shown), _least_tokens(_text_of(events))) >= _HELD * tokens:
        return ""
    return f"{tokens} tokens counted, text of {len(events.shown)} fragments {UNHELD}"


def _by_text(events: Events, stamps: Sequence[int], visible: int, hidden: int) -> Counted:
    """Several tokens a fragment, in proportion to the text, if there is text for all of them."""
    shown = events.shown
    texts = [plain(text) for text in events.texts]
    doubt = _unheld(events, visible)
    if len(shown) > visible:
        doubt = f"{len(shown)} fragments with text for {visible} tokens counted"
    sizes = [max(1, len(text)) for text in texts]
    at_first = [
        size for size, place in zip(sizes, shown, strict=True) if stamps[place] == stamps[shown[0]]
    ]
    first = visible * sum(at_first) / max(1, sum(sizes))
    if len(shown) >= _SHOWN * visible and _misses_at_the_ends(shown, stamps, visible):
        first = float(visible - len(shown) + len(at_first))
    return Counted(places=shown, tokens=visible, first=first, by="text", hidden=hidden, doubt=doubt)


def _misses_at_the_ends(shown: Sequence[int], stamps: Sequence[int], visible: int) -> bool:
    """Whether the few tokens without text came before the first fragment or behind the last.

    Then the usual step is the span over the fragments; in between, over all tokens.
    """
    if len(shown) < 3 or visible < 2:
        return False
    times = [stamps[place] for place in shown]
    steps, span = sorted(b - a for a, b in pairwise(times)), times[-1] - times[0]
    step = steps[len(steps) // 2]
    return abs(span / (len(shown) - 1) - step) < abs(span / (visible - 1) - step)


def _least_tokens(text: str) -> float:
    """Tokens that a text has at least, whatever the vocabulary."""
    wide = len(re.findall(_WIDE, text))
    return len(re.findall(_PIECE, re.sub(_WIDE, " ", text))) + wide / 2


def _words_of(text: str) -> float:
    """Words and numbers of a text; two signs of Han or kana count as one."""
    return len(re.findall(_WORD, re.sub(_WIDE, " ", text))) + len(re.findall(_WIDE, text)) / 2


def _text_of(events: Events) -> str:
    """All of the text; each fragment by itself only where one is not JSON."""
    try:
        return _from_json(b"".join(events.texts))
    except ValueError:
        return "".join(map(plain, events.texts))


def plain(text: bytes) -> str:
    """Text as it stood in JSON; lone halves of characters stay what they are."""
    try:
        return _from_json(text)
    except ValueError:
        return text.decode(errors="replace")


def seen(text: str) -> str:
    """Text as readers see it: halves of characters are signs for broken ones, the rest is seen."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.translate(dict.fromkeys(map(ord, _UNSEEN)))


def _from_json(text: bytes) -> str:
    read: str = json.loads(b'"' + text + b'"')
    return read
