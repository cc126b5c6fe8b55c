"""Verdicts for sound files, through the same streaming code as a live call."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from amd.engine import Engine
from amd.profile import BALANCED, Profile
from amd.verdict import Verdict
from audio.g711 import FRAME_BYTES, SAMPLE_RATE, ULAW_TO_LINEAR, alaw_to_ulaw, encode_ulaw

LONGEST_S = 600
"""A longer file is no clip of one call; it is refused, before it fills the memory."""
AT_ONCE = 128
_PCM, _ALAW, _ULAW, _EXTENSIBLE = 1, 6, 7, 0xFFFE


class UnreadableError(ValueError):
    """A file that can't be classified; the message says why."""


@dataclass(frozen=True, slots=True)
class FileVerdict:
    """The verdict of one file, or why there is none."""

    path: Path
    verdict: Verdict | None
    problem: str = ""


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        yield name, data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def ulaw_from_wav(data: bytes) -> bytes:
    """The samples of a WAV file as mu-law bytes.

    Takes 8 kHz mono in 16 bit PCM, mu-law or A-law; a data chunk cut short gives what is there. Raises
    UnreadableError. Format: Microsoft's RIFF WAVE, format tags of RFC 2361.
    """
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise UnreadableError("is empty" if not data else "is not a WAV file")
    described = None
    for name, body in _chunks(data):
        if name == b"fmt ":
            described = _format(body)
        elif name == b"data":
            if described is None:
                raise UnreadableError("has sound before its format")
            return _to_ulaw(described, body)
    raise UnreadableError("has no sound in it")


def wav_from_ulaw(sound: bytes) -> bytes:
    """A WAV file, 8 kHz mono in 16 bit PCM, which every browser and program plays."""
    body = ULAW_TO_LINEAR[np.frombuffer(sound, np.uint8)].astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", _PCM, 1, SAMPLE_RATE, 2 * SAMPLE_RATE, 2, 16)
    head = struct.pack("<4sI4s4sI", b"RIFF", 36 + len(body), b"WAVE", b"fmt ", len(form))
    return head + form + struct.pack("<4sI", b"data", len(body)) + body


def _format(body: bytes) -> int:
    if len(body) < 16:
        raise UnreadableError("has a damaged format")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        (tag,) = struct.unpack_from("<H", body, 24)
    if channels != 1:
        raise UnreadableError(f"has {channels} channels, one is needed")
    if rate != SAMPLE_RATE:
        raise UnreadableError(f"has {rate} samples a second, {SAMPLE_RATE} are needed")
    if (tag, bits) not in ((_PCM, 16), (_ALAW, 8), (_ULAW, 8)):
        raise UnreadableError(f"has format {tag} with {bits} bits; 16 bit PCM, mu-law and A-law can be read")
    return int(tag)


def _to_ulaw(tag: int, body: bytes) -> bytes:
    seconds = len(body) / SAMPLE_RATE / (2 if tag == _PCM else 1)
    if seconds > LONGEST_S:
        raise UnreadableError(f"is {seconds:.0f} s long, at most {LONGEST_S} s are read")
    if len(body) < 2:
        raise UnreadableError("has no sound in it")
    if tag == _PCM:
        return encode_ulaw(np.frombuffer(body[: len(body) // 2 * 2], "<i2"))
    return alaw_to_ulaw(body) if tag == _ALAW else body


def read(path: Path) -> bytes:
    """The sound of a file as mu-law bytes. Raises UnreadableError."""
    try:
        if path.stat().st_size > LONGEST_S * SAMPLE_RATE * 2 + 65536:
            raise UnreadableError(f"is longer than {LONGEST_S} s")
        return ulaw_from_wav(path.read_bytes())
    except OSError as error:
        raise UnreadableError(f"can't be read: {error.strerror or error}") from error


def find(paths: Iterable[Path]) -> Iterator[Path]:
    """The files named, and for each folder the WAV files in it, at any depth, sorted."""
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.suffix.lower() == ".wav" and p.is_file())
        else:
            yield path


def classify(
    paths: Iterable[Path], profile: Profile = BALANCED, rules_only: bool = False
) -> Iterator[FileVerdict]:
    """The verdict of each file in turn; `AT_ONCE` of them share the ticks of one engine."""
    engine = Engine(AT_ONCE, rules_only=rules_only)
    for some in _groups(paths, AT_ONCE):
        sounds: dict[int, bytes] = {}
        problems: dict[int, str] = {}
        for i, path in enumerate(some):
            try:
                sounds[i] = read(path)
            except UnreadableError as error:
                problems[i] = str(error)
        verdicts = classify_sounds(engine, sounds, profile)
        for i, path in enumerate(some):
            yield FileVerdict(path, verdicts.get(i), problems.get(i, ""))


def _groups(paths: Iterable[Path], size: int) -> Iterator[tuple[Path, ...]]:
    source = iter(paths)
    while some := tuple(islice(source, size)):
        yield some


def classify_sounds(engine: Engine, sounds: dict[int, bytes], profile: Profile) -> dict[int, Verdict]:
    """Feed mu-law sounds side by side, one frame of each a tick; keys as given."""
    keys = dict(zip((engine.open(profile) for _ in sounds), sounds, strict=True))
    verdicts: dict[int, Verdict] = {}
    at, open_slots = 0, set(keys)
    while open_slots:
        for slot in list(open_slots):
            frame = sounds[keys[slot]][at : at + FRAME_BYTES]
            if len(frame) < FRAME_BYTES:
                verdicts[keys[slot]] = engine.finish(slot)
                open_slots.discard(slot)
            else:
                engine.push(slot, frame)
        for slot, verdict in engine.tick():
            verdicts[keys[slot]] = verdict
            open_slots.discard(slot)
        at += FRAME_BYTES
    for slot in keys:
        engine.close(slot)
    return verdicts
