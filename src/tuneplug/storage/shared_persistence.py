"""Run one study in several processes: claims of trials, and what to do with lost ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

from tuneplug.errors import (
    ConcurrentStudyError,
    LostConnectionError,
    ReadOnlyStorageError,
    StaleTrialError,
    StorageError,
    StoredTrialError,
    warn_caller,
)
from tuneplug.storage.base import StoredStudy, TrialRecord
from tuneplug.storage.documents import encode
from tuneplug.storage.persistence import INTERRUPTED, StudyPersistence, failed, started_again
from tuneplug.storage.reports import ReportWriter
from tuneplug.storage.sessions import ClaimOptions, Session
from tuneplug.storage.shared import Changes, SharedStorage, Transaction
from tuneplug.storage.validation import check_record
from tuneplug.trial import Claim, History, Trial, TrialState

__all__ = ["SharedPersistence"]

T = TypeVar("T")
RUNNING = TrialState.RUNNING.value
#: Number of times that a trial is claimed again after a lost connection.
N_RETRIES = 3


class SharedPersistence(StudyPersistence):
    """Writes the trials of one study to a storage that other processes write at the same time.

    A suggestion is computed outside of a transaction.  A new trial takes the next number in one.
    Each running trial is claimed by a session, and only this session can end it.  If the session
    ends, another process starts the trial again or fails it.

    If a new trial cannot be stored, as the disk is full, the study goes on with the number that the
    trial would have had, and stores it later.  If another process has taken that number by then,
    the trial takes the next one when it ends.
    """

    storage: SharedStorage

    def __init__(self, storage: SharedStorage, study: str, options: ClaimOptions) -> None:
        super().__init__(storage, study)
        self._options = options
        self._session = Session(options)
        self._own: set[int] = set()  # trials that this session has claimed
        self._active: set[int] = set()  # of these, the ones that are not stored as ended
        self._claiming = False  # whether a trial may be stored that is not in _active yet
        self._provisional: set[int] = set()  # numbers of trials that have not been stored
        self._cursor = 0

    def _read(self) -> StoredStudy | None:
        stored = self.storage.read(self.study)
        if stored is None:
            return None
        self._cursor = stored.cursor
        return StoredStudy(stored.settings, stored.records)

    def create(self, study: str) -> bool:
        if self._settings is None or not self.storage.create(study, self._settings):
            return False
        self.study, self._settings = study, None
        return True

    # ------------------------------------------------------------------ before a trial

    def catch_up(self, history: History) -> tuple[list[Trial], Trial | None]:
        self._leave_parent()
        if self._settings is not None:
            if not self._pending_writes:
                self.storage.studies()
            return [], None
        if self._pending_writes:
            return [], None
        changed = self._attempt(lambda: self._catch_up(history))
        if isinstance(changed, StorageError):  # start() has the same error
            return [], None
        again = next((trial for trial in changed if not trial.state.ended), None)
        return [trial for trial in changed if trial.state.ended], again

    def _catch_up(self, history: History) -> list[Trial]:
        self.refresh(history)
        if not self._lost(history):
            return []
        return self._reclaim(history, self._next_and_hopeless)

    def _next_and_hopeless(self, lost: Sequence[Trial]) -> list[Trial]:
        """Return the first trial that may run again, and all that may not."""
        again = [trial for trial in lost if self._final_error(trial) is None]
        return again[:1] + [trial for trial in lost if trial not in again]

    def _reclaim(
        self, history: History, choose: Callable[[Sequence[Trial]], Sequence[Trial]]
    ) -> list[Trial]:
        """Start the chosen ones of the lost trials again, or fail them; return them."""
        self._claiming = True
        with self.storage.transaction(self.study) as transaction:
            self._begin(transaction, history)
            stored = [transaction.record(trial.number) for trial in self._lost(history)]
            self._take_over([record for record in stored if record is not None], history)
            self._end_sessions(transaction, history)
            changed = [self._reclaimed(trial) for trial in choose(self._lost(history))]
            for trial in changed:
                transaction.write(self._record(trial))
        for trial in changed:
            if not trial.state.ended:
                self._claimed(trial)
            history.replace(trial)
        self._claiming = False
        return changed

    def _reclaimed(self, trial: Trial) -> Trial:
        error = self._final_error(trial)
        if error is not None:
            return failed(trial, error)
        trial = _again(trial, self._session.id)
        self._connect(trial)
        return trial

    def refresh(self, history: History) -> None:
        if self._settings is None and not self._pending_writes:
            self._read_on(partial(self.storage.changes, self.study), history)

    def _final_error(self, trial: Trial) -> str | None:
        """Return why a lost trial does not run again; None if it does."""
        if self._is_unanswered(trial):
            return None
        if self._options.stale_trials == "fail":
            return INTERRUPTED
        attempt = 1 if trial.claim is None else trial.claim.attempt
        if attempt <= self._options.max_retries:
            return None
        return f"the process died {attempt} times" if attempt > 1 else INTERRUPTED

    def restart(self, history: History, number: int) -> Trial | None:
        self._leave_parent()
        changed = self._reclaim(history, lambda lost: [t for t in lost if t.number == number])
        return changed[0] if changed else None

    def release(self) -> None:
        """Give up the running trials: they are lost, as if this process had ended.

        If the storage cannot be written, they are lost for this process only, until it has ended.
        """
        if not self._session.is_of_this_process or not (self._active or self._claiming):
            return
        if self._write_pending() is None:
            with suppress(StorageError), self.storage.transaction(self.study) as transaction:
                transaction.end_session(self._session.id)
        self._session.end()
        self._session = Session(self._options)
        self._own -= self._active
        self._active, self._claiming = set(), False

    def _lost(self, history: History) -> list[Trial]:
        """Return the running trials whose session has ended, as far as is known."""
        return [
            trial
            for trial in history.in_state(TrialState.RUNNING)
            if trial.number not in self._own
            and (
                trial.claim is None
                or self._is_unanswered(trial)
                or self._session.has_lost(trial.claim.session)
            )
        ]

    def _is_unanswered(self, trial: Trial) -> bool:
        """Whether this session claims a trial by a commit of which it only saw an error."""
        mine = trial.claim is not None and trial.claim.session == self._session.id
        return mine and trial.number not in self._own

    def _end_sessions(self, transaction: Transaction, history: History) -> None:
        """Delete the ended sessions that have no running trials."""
        running = {
            trial.claim.session for trial in history.in_state(TrialState.RUNNING) if trial.claim
        }
        for session in self._session.others - running:
            if self._session.has_lost(session):
                transaction.end_session(session)

    def _begin(self, transaction: Transaction, history: History) -> None:
        """Write a heartbeat, and take over the changes of other processes.

        Raises
        ------
        ConcurrentStudyError
            If the storage has another study of this name by now, or an earlier state of this one:
            its trials would be overwritten, or their numbers have a gap.
        """
        self._session.beat(transaction)
        self._read_on(transaction.changes, history)
        if self._pending_writes or not len(history):
            return
        if transaction.count() != len(history):
            raise ConcurrentStudyError.replaced(self.study, transaction.count())
        number = max(self._own - self._provisional, default=len(history) - 1)
        stored = transaction.record(number)
        if stored is None or not self._is_of(stored, history[number]):
            raise ConcurrentStudyError.replaced(self.study, number)

    def _is_of(self, stored: TrialRecord, trial: Trial) -> bool:
        """Whether a stored record is of a trial, though maybe written with another space."""
        known = self._record(trial)
        if _is_same(stored, known):
            return True
        try:
            (read,) = self._trials([stored])
        except StoredTrialError:
            return False
        return _is_same(self._record(read), known)

    def _read_on(self, changes_since: Callable[[int], Changes], history: History) -> None:
        """Take over what has changed, or all records if the storage has gone back meanwhile."""
        changes = changes_since(self._cursor)
        new = [r["number"] for r in changes.records if r["number"] >= len(history)]
        skips = new != [*range(len(history), len(history) + len(new))]
        if skips or changes.cursor < self._cursor:  # a server lost reports in a crash
            changes = changes_since(0)
        self._take_over(changes.records, history)
        self._cursor = changes.cursor

    def _take_over(self, records: Sequence[TrialRecord], history: History) -> None:
        for record in records:
            with self._unusable(f"trial {record.get('number')}"):
                check_record(record, record["number"])
        new = [record for record in records if record["number"] not in self._own]
        for trial in self._trials(new):
            if trial.number > len(history):
                raise StorageError(
                    f"the trials of study {self.study!r} must be numbered from 0 without a gap, "
                    f"but {self.storage!r} has trial {trial.number} after {len(history) - 1}: "
                    "give this study another name"
                )
            history.put(trial)

    # ------------------------------------------------------------------ a new trial

    def start(
        self, history: History, make: Callable[[int], Trial], *, insist: bool
    ) -> Trial | None:
        self._claiming = True  # until the end: an interrupt may come right after the commit
        made: list[Trial] = []  # by attempts that may have been committed
        n_known = None if insist else len(history)
        found = self._claim_or_error(history, make, made, n_known)
        for _ in range(N_RETRIES):
            if isinstance(found, LostConnectionError):
                found = self._claim_or_error(history, make, made, n_known)
        error = found if isinstance(found, StorageError) else None
        if isinstance(error, ReadOnlyStorageError) and not (self._in_run and self._written):
            raise self._unstored(len(history), error)
        if isinstance(found, StorageError):
            trial = found = self._new(make, history)
            self._pending_writes[trial.number] = self._record(trial)
            self._provisional.add(trial.number)
        self._warn(error)
        if found is not None:
            self._claimed(found)
            history.put(found)
        self._claiming = False
        return found

    def _claim_or_error(
        self,
        history: History,
        make: Callable[[int], Trial],
        made: list[Trial],
        n_known: int | None,
    ) -> Trial | StorageError | None:
        return self._write_pending() or self._attempt(
            lambda: self._claim(history, make, made, n_known)
        )

    def _claim(
        self,
        history: History,
        make: Callable[[int], Trial],
        made: list[Trial],
        n_known: int | None,
    ) -> Trial | None:
        """Store a new trial in one transaction; None if another process has just started it.

        ``made`` has the trials of earlier attempts, and gets that of this one.  The suggestion was
        computed from the first ``n_known`` trials; if that is None, the trial starts in any case.
        """
        self._create()
        with self.storage.transaction(self.study) as transaction:
            self._begin(transaction, history)
            if not self._own:
                self._end_sessions(transaction, history)
                self._keep_space(transaction)
            for trial in made:
                if transaction.record(trial.number) == self._record(trial):
                    return trial
            trial = self._new(make, history)
            made.append(trial)
            record = self._record(trial)
            unknown = [] if n_known is None else history[n_known:]
            if any(_is_same(record, self._record(other)) for other in unknown):
                return None
            transaction.write(record)
            return trial

    def _keep_space(self, transaction: Transaction) -> None:
        """Store the space of this process, which may be wider than the stored one."""
        settings = transaction.settings()
        if settings.get("space") != self._space_document:
            transaction.write_settings({**settings, "space": self._space_document})

    def _new(self, make: Callable[[int], Trial], history: History) -> Trial:
        trial = make(len(history))
        trial.claim = Claim(self._session.id, 1)
        self._connect(trial)
        return trial

    def _connect(self, trial: Trial) -> None:
        assert trial.claim is not None
        trial.reporter.sink = ReportWriter(self.storage, self.study, trial.number, trial.claim)

    def _claimed(self, trial: Trial) -> None:
        self._own.add(trial.number)
        self._active.add(trial.number)
        self._session.start_heartbeats(self.heartbeat)

    def _create(self) -> None:
        if self._settings is None:
            return
        if not self.storage.create(self.study, self._settings):
            stored = self.storage.read(self.study)
            if stored is None or stored.settings["direction"] != self._settings["direction"]:
                raise ConcurrentStudyError.created(self.study)
        self._settings = None

    def heartbeat(self) -> None:
        """Write a heartbeat, if the study runs or has running trials.

        Raises
        ------
        StorageError
            If the storage cannot be written.
        """
        here = self._session.is_of_this_process
        if here and self._settings is None and (self._in_run or self._active):
            with self.storage.transaction(self.study, durable=False) as transaction:
                self._session.beat(transaction)

    def _leave_parent(self) -> None:
        """After a fork: the trials of the parent are not those of this process."""
        if not self._session.is_of_this_process:
            self._session = Session(self._options)
            self._own, self._active, self._pending_writes = set(), set(), {}
            self._provisional = set()

    # ------------------------------------------------------------------ the end of a trial

    def _write(self, record: TrialRecord) -> bool:
        number, ended = record["number"], record["state"] != RUNNING
        given = number
        with self.storage.transaction(self.study) as transaction:
            stored = transaction.record(number)
            if stored is None:
                if transaction.count() != number:
                    raise ConcurrentStudyError.replaced(self.study, transaction.count())
                if not ended:  # the storage may not know the session of the trial yet
                    self._session.beat(transaction)
                transaction.write(record)
            elif encode(stored) == encode(record):
                pass  # the commit of an earlier attempt had succeeded
            elif stored["state"] == RUNNING and stored.get("claim") == record.get("claim"):
                transaction.write(record)
            elif number not in self._provisional or _is_same(stored, record):
                self._give_up(number)
                raise self._stale(stored)
            elif not ended:
                return False
            else:
                given = self._write_as_next(record, transaction)
        self._provisional.discard(number)
        if ended:
            self._active.discard(number)
        if given != number:
            self._give_up(number)
            warn_caller(
                f"trial {number} of study {self.study!r} is stored as trial {given}, as another "
                "process took the number while the storage could not be written",
                RuntimeWarning,
            )
        return True

    def _stale(self, stored: TrialRecord) -> StaleTrialError:
        return StaleTrialError(
            f"trial {stored['number']} of study {self.study!r} must be ended by the session that "
            f"runs it, but another process has taken it over: its record is {stored['state']}, "
            f"with the claim {stored.get('claim')}"
        )

    def _write_as_next(self, record: TrialRecord, transaction: Transaction) -> int:
        """Store an ended trial under the next number, which is returned.

        If the commit of an earlier attempt had succeeded, it is stored already.
        """
        for other in transaction.changes(self._cursor).records:
            if encode(other) == encode(record | {"number": other["number"]}):
                return int(other["number"])
        given = transaction.count()
        transaction.write(record | {"number": given})
        return given

    def _give_up(self, number: int) -> None:
        """Take note that the trial of a number is that of another process."""
        self._own.discard(number)
        self._active.discard(number)
        self._provisional.discard(number)
        self._cursor = 0  # the record of the other process may have been passed over

    def _attempt(self, call: Callable[[], T]) -> T | StorageError:
        """Return what a call returns, or its error if the study can go on; raise any other."""
        try:
            return call()
        except (ConcurrentStudyError, StaleTrialError, StoredTrialError):
            raise
        except StorageError as error:
            return error


def _is_same(record: TrialRecord, other: TrialRecord) -> bool:
    """Whether two records are of the same configuration and resource."""
    mine, theirs = ({key: of.get(key) for key in ("params", "resource")} for of in (record, other))
    return encode(mine) == encode(theirs)  # NaN is the same as NaN


def _again(trial: Trial, session: str) -> Trial:
    """Return a trial as it starts again in a session."""
    claim = Claim("", 1) if trial.claim is None else trial.claim
    attempt = claim.attempt if claim.session == session else claim.attempt + 1
    return started_again(trial, Claim(session, attempt))
