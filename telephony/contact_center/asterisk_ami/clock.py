"""The PBX's wall clock, told by our monotonic one."""


class PbxClock:
    """AMI tells ends of calls in whole seconds of the PBX's clock, which may differ from ours.

    The answer to each Ping has the PBX's time in it. Taking that as the time of the answer's arrival, we are late
    by the way it took and never early: nobody is called free before the PBX thinks so. Until the first answer our
    own wall clock stands in.
    """

    def __init__(self, epoch: float, now: float) -> None:
        self._offset = epoch - now

    def told(self, epoch: float, now: float) -> None:
        """The PBX said `epoch`, which arrived at `now`."""
        self._offset = epoch - now

    def epoch(self, now: float) -> float:
        return now + self._offset

    def monotonic(self, epoch: float) -> float:
        return epoch - self._offset
