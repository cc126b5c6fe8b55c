"""`manage.py amd_train`: a model for answering machine detection from labelled clips."""

import logging
from argparse import ArgumentParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from amd.model import SHIPPED, ModelError, load, save
from amd.model_card import write_card
from amd.training import LabelsError, read_clips, train
from amd.variation import with_variations


class Command(BaseCommand):
    """Needs the extra `train`, neither database nor broker. Same clips, seed and versions: same model."""

    help = (
        "Train the detector on LABELS.csv (columns path, label; optional speaker and voice, the frames of speech). "
        "Without the column voice the network of the model in use is kept and only the trees are trained. Writes "
        "the model and, beside it, its card (.md)."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("labels", nargs="+", type=Path, metavar="LABELS.csv")
        parser.add_argument("--out", type=Path, default=Path("var/amd/model.npz"))
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument(
            "--epochs", type=int, default=14, help="passes of the voice network over the clips"
        )
        parser.add_argument(
            "--keep-network",
            action="store_true",
            help="train only the trees, on the network of the model in use",
        )
        parser.add_argument(
            "--vary",
            type=int,
            default=0,
            metavar="N",
            help="train also on N copies of each clip at another pace and pitch, for labels that are few",
        )
        parser.add_argument(
            "--test", type=Path, help="labels of other clips, by other speakers, for the scores in the card"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        if find_spec("sklearn") is None:
            raise CommandError("scikit-learn is missing: install the extra `train`", returncode=2)
        if options["vary"] and find_spec("librosa") is None:
            raise CommandError("librosa is missing: install the extra `train`", returncode=2)
        try:
            earlier = load(SHIPPED).network
        except ModelError:
            earlier = None
        try:
            clips = read_clips(*options["labels"])
            tested = read_clips(options["test"]) if options["test"] else None
            clips = with_variations(clips, options["vary"], options["seed"])
            model = train(clips, options["seed"], earlier, options["epochs"], options["keep_network"])
        except LabelsError as error:
            raise CommandError(str(error), returncode=2) from error
        both = (set(tested.speaker) & set(clips.speaker)) - {""} if tested else set()
        if both:
            self.stderr.write(
                f"{len(both)} speakers are in both sets, such as {min(both)}: the scores flatter"
            )
        options["out"].parent.mkdir(parents=True, exist_ok=True)
        save(model, options["out"])
        card = write_card(model, options["labels"], tested, options["out"].with_suffix(".md"), len(both))
        self.stdout.write(card)
        self.stdout.write(f"written: {options['out']}")
