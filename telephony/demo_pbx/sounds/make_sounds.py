"""Makes the *.ulaw files of this folder out of Debian's package asterisk-core-sounds-en-wav (see CREDITS.md).

python -m telephony.demo_pbx.sounds.make_sounds FOLDER_WITH_THE_WAV_PROMPTS
"""

import sys
import wave
from pathlib import Path
from typing import Final

import numpy as np

from audio.g711 import SAMPLE_RATE, Samples, encode_ulaw

# What each file says, prompt by prompt.
RECORDINGS: Final = {
    "human-1": ("hello",),
    "human-2": ("hello", "phonetic/o_p"),
    "human-3": ("phonetic/m_p",),
    "human-4": ("hello", "phonetic/j_p"),
    "machine-1": ("vm-nobodyavail", "vm-intro"),
    "machine-2": ("vm-theperson", "digits/2", "digits/0", "digits/4", "vm-isonphone", "vm-intro"),
    "machine-3": ("hello", "im-sorry", "vm-nobodyavail", "please-try-call-later"),
}
PAUSE_S: Final = 0.15
QUIET: Final = 200  # 16-bit samples below this at either end are trimmed


def read_prompt(path: Path) -> Samples:
    """One 8 kHz mono prompt without the silence at its ends."""
    with wave.open(str(path)) as reader:
        if (reader.getframerate(), reader.getnchannels(), reader.getsampwidth()) != (SAMPLE_RATE, 1, 2):
            raise ValueError(f"{path} is not 8 kHz mono 16 bit")
        samples = np.frombuffer(reader.readframes(reader.getnframes()), dtype="<i2").astype(np.int16)
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > QUIET)
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples


def main() -> None:
    source, target = Path(sys.argv[1]), Path(__file__).parent
    pause = np.zeros(int(PAUSE_S * SAMPLE_RATE), dtype=np.int16)
    for name, prompts in RECORDINGS.items():
        parts: list[Samples] = []
        for prompt in prompts:
            parts += [pause] if parts else []
            parts.append(read_prompt(source / f"{prompt}.wav"))
        (target / f"{name}.ulaw").write_bytes(encode_ulaw(np.concatenate(parts)))


if __name__ == "__main__":
    main()
