"""`demo`: `up`, a demo PBX, and a campaign that runs."""

from django.conf import settings
from django.db import connection

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
        self._calls_before = 0
        self._called = False

    def prepare(self) -> None:
        group = data.make_group()
        self._sign_ins = people.make_users(group, settings.VAR_DIR)
        self._ports = pbx.choose_ports()
        sales, _ivr = pbx.make_rows(self._ports)
        listed = data.list_numbers()
        known = data.current_campaign(group)
        self._campaign = known or data.make_campaign(group, sales)
        self._calls_before = self._calls()
        self.progress.step(
            f"Demo data: campaign {self._campaign.name!r} {'goes on' if known else 'is new'}, "
            f"{self._campaign.leads.count()} leads, {listed} numbers on the do-not-call list"
        )

    def processes(self) -> list[Process]:
        config = pbx.write_config(settings.VAR_DIR, self._ports)
        demo_pbx = product.demo_pbx(str(config), pbx.HOST, self._ports.events)
        return [demo_pbx, *super().processes()]

    def running(self) -> None:
        assert self._campaign is not None
        self._campaign.refresh_from_db()
        if not self._campaign.is_started:
            start_campaign(None, self._campaign)
        self.progress.step(f"Campaign {self._campaign.name!r} is started")
        super().running()
        width = max(len(one.username) for one in self._sign_ins)
        for one in self._sign_ins:
            password = one.password or "(the password it had before the demo)"
            self.progress.line(f"  {one.username:{width}}  {password}   {one.role}")
        self.progress.line()

    def tick(self) -> None:
        assert self._campaign is not None
        if not self._called and self._calls() > self._calls_before:
            self._called = True
            self.progress.step("The first call is placed")
        self.progress.live(live_line(self._campaign))
        connection.close()  # a database that was restarted is found again

    def _calls(self) -> int:
        return CallAttempt.objects.filter(campaign=self._campaign, started_at__isnull=False).count()
