"""`demo`: `up`, a demo PBX, and a campaign that runs."""

from django.conf import settings
from django.db import connection
from django.utils import timezone

from campaigns.models import Campaign
from campaigns.services import start_campaign
from dialer_project.demo import data, pbx, people
from dialer_project.demo.live_line import live_line
from dialer_project.processes import product
from dialer_project.processes.installation import Installation
from dialer_project.processes.progress import Progress
from dialer_project.processes.supervisor import Process
from leads.models import CallAttempt


class Demo(Installation):
    """Adds the demo's data before the processes start, and the campaign's start after."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._sign_ins: list[people.SignIn] = []
        self._campaign: Campaign | None = None
        self._began = timezone.now()
        self._called = False

    def prepare(self) -> None:
        group = data.make_group()
        self._sign_ins = people.make_users(group, settings.VAR_DIR)
        self._ports = pbx.choose_ports()
        sales, _ivr = pbx.make_rows(self._ports)
        listed = data.list_numbers()
        data.keep_sounds()
        known = data.current_campaign(group)
        self._campaign = known or data.make_campaign(group, sales)
        self.progress.step(
            f"Demo data: campaign {self._campaign.name!r} {'goes on' if known else 'is new'}, "
            f"{self._campaign.leads.count()} leads, {listed} numbers on the do-not-call list"
        )

    def stages(self) -> list[list[Process]]:
        """What places calls comes first: on two cores everything at once would hold up the first call."""
        config = pbx.write_config(settings.VAR_DIR, self._ports)
        demo_pbx = product.demo_pbx(str(config), pbx.HOST, self._ports.events)
        everything = product.processes()
        dialing = [process for process in everything if process.name in {"engine", "calls"}]
        return [[demo_pbx, *dialing], [process for process in everything if process not in dialing]]

    def stage_done(self, stage: int) -> None:
        if stage == 0:
            assert self._campaign is not None
            self._campaign.refresh_from_db()
            if not self._campaign.is_started:
                start_campaign(None, self._campaign)
            self.progress.step(f"Campaign {self._campaign.name!r} is started")
        self._note_first_call()

    def running(self) -> None:
        super().running()
        width = max(len(one.username) for one in self._sign_ins)
        for one in self._sign_ins:
            password = one.password or "(the password it had before the demo)"
            self.progress.line(f"  {one.username:{width}}  {password}   {one.role}")
        self.progress.line()

    def tick(self) -> None:
        assert self._campaign is not None
        self._note_first_call()
        self.progress.live(live_line(self._campaign))
        connection.close()  # a database that was restarted is found again

    def _note_first_call(self) -> None:
        """Says once when the first call of this run was dialed."""
        dialed = CallAttempt.objects.filter(campaign=self._campaign, started_at__gte=self._began)
        first = None if self._called else dialed.order_by("started_at").first()
        if first is not None and first.started_at is not None:
            self._called = True
            after = (first.started_at - self._began).total_seconds()
            self.progress.step(f"The first call was placed {after:.1f} s after the start")
