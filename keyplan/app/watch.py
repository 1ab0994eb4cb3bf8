"""The loop of `keyplan watch`: reads manifests again when they change, and gives each watcher a thread when it is due.

It knows no terminal, no signal and no real time: a clock, a stop and pools of threads are handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import timedelta

from keyplan.app.identity import warn_of_missing_ids
from keyplan.app.pace import DEFAULT_EVERY, POLL_FILES
from keyplan.app.parallel import describe_bug
from keyplan.app.watch_files import WatchedFile, WatchedNames, list_watched
from keyplan.app.watch_ports import Pools, Task, WatchPorts
from keyplan.app.watch_round import RoundSettings
from keyplan.app.watcher import Watcher
from keyplan.errors import InputError
from keyplan.model.watch import WatchEvent, WatchNews
from keyplan.ports import Clock

NAP = timedelta(milliseconds=500)
"""How long the loop sleeps: a signal, a deadline or a changed file is noticed so much later at most."""
_SHORTEST_NAP = timedelta(milliseconds=10)
_AT_ONCE = timedelta(0)
_LOOP = "the loop"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """What is watched, and how."""

    names: WatchedNames
    every: timedelta = DEFAULT_EVERY
    round_settings: RoundSettings


class Watch:
    """Watches manifests until it is asked to stop."""

    def __init__(
        self, settings: WatchSettings, ports: WatchPorts, pools: Pools, *, wants_reload: Callable[[], bool]
    ) -> None:
        """`wants_reload` returns whether the user asked to read everything again, once for each time."""
        self._settings = settings
        self._ports = ports
        self._pools = pools
        self._wants_reload = wants_reload
        self._files: dict[str, WatchedFile] = {}
        self._watchers: dict[str, Watcher] = {}
        self._under_way: dict[str, tuple[Watcher, Future[None]]] = {}
        self._leaving: list[Watcher] = []
        self._forced: set[str] = set()
        """Files that are to be read whether they changed or not."""
        self._next_look = self._clock.elapsed()
        self._troubles: dict[str, str] = {}
        """What is wrong with each file; reported once, not at every look."""
        self._skipped: set[str] = set()
        self._search_context = replace(ports.context, say=self._tell_skipped)

    def run(self) -> None:
        """Watch until the run is asked to stop; then finish what is under way, and give every leadership up.

        Raises InputError if no manifest is there at the start.
        """
        list_watched(self._settings.names, self._search_context)
        self._tell(WatchNews.STARTED, "watching")
        while self._ports.context.stop.requested() is None:
            self.turn()
            self._clock.sleep(min(NAP, max(self.until_next(), _SHORTEST_NAP)))
        self._tell(WatchNews.STOPPING, "stopping: the keys under way are finished first")
        if self._ports.leaks:
            self._ports.leaks.close()
        for watcher in self._watchers.values():
            watcher.finish_leaks()
        while not self._wind_up():
            self._clock.sleep(NAP)
        self._tell(WatchNews.STOPPED, "stopped")

    def turn(self) -> None:
        """Do everything that is due now."""
        self._ports.board.beat(_LOOP)
        self._collect()
        if self._wants_reload():
            self._tell(WatchNews.RELOADING, "reading all manifests again")
            if self._ports.leaks:
                self._ports.leaks.read_keys()
            self._forced.update(self._files)
            self._next_look = self._clock.elapsed()
        if self._clock.elapsed() >= self._next_look:
            self._next_look = self._clock.elapsed() + POLL_FILES
            self._read_all()
        for watcher in list(self._watchers.values()):
            for task in watcher.list_due():
                self._begin(watcher, task)

    def until_next(self) -> timedelta:
        """Return how long nothing will be due, unless a user changes that; a nap while a task is under way."""
        busy = {id(watcher) for watcher, _ in self._under_way.values()}
        idle = [watcher.next_due for watcher in self._watchers.values() if id(watcher) not in busy]
        until = max(_AT_ONCE, min([self._next_look, *idle]) - self._clock.elapsed())
        return min(NAP, until) if self._under_way else until

    # Tasks.

    def _begin(self, watcher: Watcher, task: Task) -> None:
        if task.name in self._under_way:
            return
        pool = self._pools.choose(task.kind)

        def run() -> None:
            # Not before a thread has it: what waits for one does not hang.
            self._ports.board.beat(task.name)
            try:
                task.run()
            finally:
                self._ports.board.end(task.name)

        self._under_way[task.name] = watcher, pool.submit(run)

    def _collect(self) -> None:
        """Take note of the tasks that are over."""
        for name, (watcher, future) in list(self._under_way.items()):
            if not future.done():
                continue
            del self._under_way[name]
            error = future.exception()
            # A bug in one manifest's round must not end the watch of the others.
            if isinstance(error, Exception):
                watcher.fail_unforeseen(describe_bug(error))
        for watcher in [one for one in self._leaving if not self._is_busy(one)]:
            self._leaving.remove(watcher)
            watcher.leave()

    def _wind_up(self) -> bool:
        """Give up every leadership that no task needs any longer, and return whether all are given up."""
        self._collect()
        for watcher in self._watchers.values():
            for task in watcher.list_searches():
                self._begin(watcher, task)
        # Each at once: another process takes it over while this one finishes the rest.
        for name in [name for name, watcher in self._watchers.items() if not self._is_busy(watcher)]:
            self._watchers.pop(name).leave()
        return not self._under_way

    def _is_busy(self, watcher: Watcher) -> bool:
        return any(worked is watcher for worked, _ in self._under_way.values())

    # Manifests.

    def _read_all(self) -> None:
        """Find the manifests that are meant now, read those that changed, and drop those that are gone."""
        try:
            names = list_watched(self._settings.names, self._search_context)
        except InputError as error:
            self._tell_trouble("", error)
            return
        self._troubles.pop("", None)
        for name in sorted(set(self._files) - set(names)):
            self._drop(name)
        for name in names:
            if name not in self._files:
                self._files[name] = WatchedFile(name, self._settings.names, self._ports.context)
                self._ports.board.expect(name)
            if name not in self._watchers or name in self._forced or self._files[name].has_changed():
                self._read(name)

    def _read(self, name: str) -> None:
        file, watcher = self._files[name], self._watchers.get(name)
        if watcher and self._is_busy(watcher):
            return  # it is still to be read at the next look
        is_forced = watcher is None or name in self._forced
        self._forced.discard(name)
        others = [one.workspace for known, one in self._watchers.items() if known != name]
        try:
            workspace = file.read(others, is_forced=is_forced)
        except InputError as error:
            self._ports.board.change(name, is_readable=False)
            self._tell_trouble(name, error)
            return
        self._troubles.pop(name, None)
        self._ports.board.change(name, is_readable=True)
        if workspace is None:
            return
        if watcher:
            watcher.replace_workspace(workspace)
        else:
            self._watchers[name] = Watcher(
                workspace, self._ports, every=self._settings.every, round_settings=self._settings.round_settings
            )
        if not workspace.manifest.id:
            warn_of_missing_ids([name], self._ports.context.say)
        self._ports.tell(WatchEvent(news=WatchNews.READ, message="read the manifest", manifest=name))

    def _drop(self, name: str) -> None:
        del self._files[name]
        self._troubles.pop(name, None)
        self._ports.board.drop(name)
        self._ports.tell(WatchEvent(news=WatchNews.DROPPED, message="it is not there any longer", manifest=name))
        watcher = self._watchers.pop(name, None)
        if watcher:
            watcher.drop_leaks()
            # Its round may be under way, and holds the leadership until it is over.
            self._leaving.append(watcher)

    def _tell_trouble(self, name: str, error: InputError) -> None:
        if self._troubles.get(name) == error.message:
            return
        self._troubles[name] = error.message
        event = WatchEvent(news=WatchNews.UNREADABLE, message=error.message, manifest=name, is_error=True)
        self._ports.tell(replace(event, advice=error.advice))

    def _tell_skipped(self, text: str) -> None:
        """Report once what is not a manifest: folders are searched at every look."""
        if text not in self._skipped:
            self._skipped.add(text)
            self._ports.context.say(text)

    def _tell(self, news: WatchNews, message: str) -> None:
        self._ports.tell(WatchEvent(news=news, message=message))

    @property
    def _clock(self) -> Clock:
        return self._ports.context.wiring.clock
