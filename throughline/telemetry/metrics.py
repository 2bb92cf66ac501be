"""Every metric of the product, in one place: cumulative counters and histograms, labelled by camera at most.

Names, units and labels are an interface: dashboards and alert rules in ``deploy/`` use them, and a test holds both
together. A process makes one `Metrics` and hands it to its parts; nothing here is global, so tests do not share counts.
"""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import generate_latest
from prometheus_client.process_collector import ProcessCollector

from throughline import __version__

__all__ = ["Instrument", "Metrics"]

# A series more for each counter and histogram, which nobody reads.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library types all but this

_LATENCY = (0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0)
_WORK = (0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0)
_BATCH = (1, 2, 4, 8, 16, 32, 64)
_PROBABILITY = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
_SEARCH = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_DELAY = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 300.0)


@dataclass(frozen=True, slots=True)
class Instrument:
    """What there is to know about a metric before it has any value.

    Attributes:
        name: As Prometheus shows it; histograms have ``_bucket``, ``_sum`` and ``_count`` behind it.
        kind: ``counter``, ``gauge`` or ``histogram``.
        text: What it says, in a sentence.
        labels: Names of its labels.
        part: Which part of the product sets it.
        source: What is incremented, set or observed.
    """

    name: str
    kind: str
    text: str
    labels: tuple[str, ...]
    part: str
    source: Counter | Gauge | Histogram


class Metrics:
    """The instruments of one process, in a registry of their own.

    Attributes:
        registry: Holds the values.
        instruments: Every instrument, in the order of the reference.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self.instruments: list[Instrument] = []
        ProcessCollector(registry=self.registry)
        for part, make in (
            ("every process", self._process),
            ("streams", self._streams),
            ("inference", self._inference),
            ("Kafka", self._bus),
            ("matcher", self._matcher),
            ("search", self._search),
        ):
            self._part = part
            make()

    def _process(self) -> None:
        self._gauge("build_info", "Always 1; the label says which version runs.", "version").labels(__version__).set(1)
        self.part_ready = self._gauge("part_ready", "1 while a part of this process does its work, as /readyz reports.", "part")
        self.event_loop_delay = self._histogram(
            "event_loop_delay_seconds", "How much later than asked for the event loop came back, four times a second.", _WORK
        )

    def _streams(self) -> None:
        self.frames_decoded = self._counter("frames_decoded", "Frames decoded.", "camera")
        self.frames_analysed = self._counter("frames_analysed", "Frames that went through detection and tracking.", "camera")
        self.frames_dropped = self._counter(
            "frames_dropped",
            "Frames not analysed, by reason: 'rate' (above the analysed rate), 'pressure' (left out by the step in force), "
            "'busy' (a newer one took its place in the mailbox), 'damaged' (could not be decoded), 'clock' (its time did not "
            "advance), 'failed' (analysis failed).",
            "camera",
            "reason",
        )
        self.pressure_step = self._gauge(
            "pressure_step",
            "1 for the step of streams.pressure that is in force; 'none': all that is asked for is done.",
            "site",
            "step",
        )
        self.pressure_changes = self._counter(
            "pressure_changes", "Steps of streams.pressure 'taken' and 'taken_back'.", "site", "step", "change"
        )
        self.crops_described = self._counter(
            "crops_described", "Pictures of vehicles given to embedders and attribute networks.", "camera"
        )
        self.crops_put_off = self._counter(
            "crops_put_off",
            "Pictures worth describing that models.crops_per_second left no room for; their vehicles come up again with the next "
            "frame.",
            "camera",
        )
        self.camera_connected = self._gauge("camera_connected", "1 while frames arrive.", "camera")
        self.camera_reconnects = self._counter(
            "camera_reconnects",
            "Reconnections, by reason: 'refused', 'not_found', 'timeout', 'ended', 'undecodable', 'error'.",
            "camera",
            "reason",
        )
        self.camera_last_frame = self._gauge(
            "camera_last_frame_timestamp_seconds", "Capture time of the latest decoded frame, seconds since 1970.", "camera"
        )
        self.camera_clock_source = self._gauge(
            "camera_clock_source",
            "1 for the source that capture times come from: 'rtcp', 'file' or 'arrival'.",
            "camera",
            "source",
        )
        self.clock_refusals = self._counter(
            "camera_clock_refusals", "Capture times refused because they lay ahead of their arrival or ran backwards.", "camera"
        )
        self.worker_restarts = self._counter(
            "camera_worker_restarts", "Camera workers started again after a crash that should not happen.", "camera"
        )
        self.detections = self._counter("detections", "Detections handed to the tracker.", "camera")
        self.detections_dropped = self._counter(
            "detections_dropped",
            "Detections dropped, by reason: 'confidence', 'roi', 'ignored', 'invalid', 'overlap'.",
            "camera",
            "reason",
        )
        self.active_tracks = self._gauge("active_tracks", "Tracks alive.", "camera")
        self.track_events = self._counter(
            "track_events",
            "What became of tracks: 'started' (not confirmed yet), 'confirmed', 'lost' (not seen any more), 'found' (again), "
            "'ended'.",
            "camera",
            "event",
        )
        self.tracklets = self._counter(
            "tracklets", "Tracklet records, by state: 'opened', 'updated', 'closed'.", "camera", "state"
        )
        self.capture_to_tracklet = self._histogram(
            "capture_to_tracklet_seconds",
            "From the capture of the frame that caused a tracklet record to the record's acknowledgement by Kafka.",
            _LATENCY,
            "camera",
        )
        self.frames_recorded = self._counter("frames_recorded", "Frames written by `run --record`.", "camera")
        self.frames_not_recorded = self._counter(
            "frames_not_recorded",
            "Analysed frames missing from the recording, by reason: 'clock' (not later than one recorded before), 'stopped' (the "
            "recording was given up).",
            "camera",
            "reason",
        )
        self.recording_failures = self._counter(
            "recording_failures",
            "Recordings given up, by reason: 'disk' (cannot be written), 'slow' (the disk does not keep up), 'failed'.",
            "reason",
        )
        self.best_shots_dropped = self._counter("best_shots_evicted", "Best shots no longer served, the oldest first.", "camera")

    def _inference(self) -> None:
        self.inference_seconds = self._histogram("inference_seconds", "Time of one call of an engine.", _WORK, "model")
        self.inference_batch = self._histogram("inference_batch_size", "Pictures in one call of an engine.", _BATCH, "model")
        self.inference_queue = self._histogram(
            "inference_queue_seconds", "Time that a request waited for an engine.", _WORK, "model"
        )
        self.inference_failures = self._counter("inference_failures", "Calls of an engine that failed.", "model")
        self.engine_plans = self._counter(
            "engine_plans",
            "Networks opened by TensorRT, by what was found where plans are kept: 'cached' (a plan that fits), or, so that it "
            "was built, 'missing', 'stale' (of another TensorRT or driver), 'foreign' (of another network or GPU, or not safe "
            "from others), 'broken'.",
            "model",
            "state",
        )

    def _bus(self) -> None:
        self.records_published = self._counter("records_published", "Records acknowledged by Kafka.", "topic")
        self.publish_failures = self._counter(
            "publish_failures",
            "Records that Kafka did not take in time, by outcome: 'failed' (the sender was told, and may try again) or 'dropped' "
            "(lost).",
            "topic",
            "outcome",
        )
        self.transactions = self._counter(
            "transactions",
            "Transactions on Kafka, by outcome: 'committed', 'aborted', 'fenced' (another took over) or 'failed' (what became of "
            "it is decided by whoever opens its id next).",
            "outcome",
        )
        self.publish_seconds = self._histogram(
            "publish_seconds", "From sending a record to its acknowledgement.", _LATENCY, "topic"
        )
        self.records_consumed = self._counter("records_consumed", "Records read.", "topic")
        self.dead_letters = self._counter("dead_letters", "Records that could not be processed, by reason.", "topic", "reason")
        self.bus_connected = self._gauge("bus_connected", "1 while Kafka answers.")

    def _matcher(self) -> None:
        self.matches = self._counter(
            "matches",
            "Match events, by kind: 'provisional', 'confirmed', 'revised', 'retracted', 'new', 'watchlist'.",
            "site",
            "kind",
        )
        self.match_probability = self._histogram(
            "match_probability", "Probability of joins at their first 'confirmed'.", _PROBABILITY, "site"
        )
        self.match_margin = self._histogram(
            "match_margin_log_odds",
            "Log-odds of confirmed joins beyond their best alternative.",
            (0, 1, 2, 4, 6, 8, 12, 16, 24),
            "site",
        )
        self.match_choices = self._counter(
            "match_choices",
            "First final decisions, by choice: 'first' (the best alternative was taken) or 'given_way' (one-to-one assignment "
            "gave it to another).",
            "site",
            "choice",
        )
        self.match_cycles = self._counter(
            "match_cycles",
            "Triples of tracklets of one vehicle by three cameras, by what the evidence of each pair alone says: 'agree' (all "
            "three that they are one), 'contradict' (two, but not the third) or 'weak' (fewer). One join in four is looked at.",
            "site",
            "agreement",
        )
        self.provisional_outcomes = self._counter(
            "provisional_outcomes",
            "First final decisions, by what they made of the latest provisional one: 'kept' or 'changed'.",
            "site",
            "outcome",
        )
        self.first_decisions = self._counter(
            "first_decisions",
            "First final decisions, by outcome: 'new' (a vehicle not seen before) or 'joined'.",
            "site",
            "camera",
            "outcome",
        )
        self.link_arrivals = self._counter(
            "link_arrivals",
            "First final joins, by the link that the vehicle came by; 'unlisted': any that the site file does not list.",
            "site",
            "link",
        )
        self.judged_joins = self._counter(
            "judged_joins",
            "Joins judged by what was decided later, by stage, bin of probability and outcome ('stood' or 'withdrawn'): those of "
            "stage 'provisional' at the first final decision, those of stage 'confirmed' when their tracklet is forgotten.",
            "site",
            "stage",
            "bin",
            "outcome",
        )
        self.judged_probability = self._counter(
            "judged_probability",
            "Sum of the probabilities of judged joins: so many of them should have stood.",
            "site",
            "stage",
            "bin",
        )
        self.embedding_drift = self._gauge(
            "embedding_drift_ratio",
            "How far the embeddings of a camera's latest 200 vehicles are from its usual ones, in units of the usual spread; 0: "
            "as ever.",
            "site",
            "camera",
            "model",
        )
        self.candidates_rejected = self._counter("candidates_rejected", "Pairs rejected before scoring, by gate.", "site", "gate")
        self.records_skipped = self._counter(
            "matcher_records_skipped",
            "Records without effect, by reason: 'late' (behind the watermark), 'repeated', 'other_site', 'unknown_camera', "
            "'unknown_tracklet' and 'contradiction' (of corrections), 'evicted' (memory limit), 'unreadable'.",
            "site",
            "reason",
        )
        self.matcher_lag = self._gauge(
            "matcher_lag_seconds", "How far the site's watermark is behind the latest capture time read.", "site"
        )
        self.matcher_offset_lag = self._gauge(
            "matcher_offset_lag_records", "Records on Kafka that the matcher has not read yet.", "site"
        )
        self.decision_delay = self._histogram(
            "decision_delay_seconds",
            "Event time from a tracklet's start to its first decision, by that decision's kind: 'provisional' at once, 'new' and "
            "'confirmed' when the site is complete.",
            _DELAY,
            "site",
            "kind",
        )
        self.gallery_tracklets = self._gauge("gallery_tracklets", "Tracklets that can still be joined.", "site")
        self.vehicles_active = self._gauge("vehicles_active", "Vehicles with a tracklet that can still be joined.", "site")

        self.matcher_starts = self._counter(
            "matcher_starts",
            "Starts of a site's matcher, by how it began: 'begun' (with nothing), 'resumed' (from a snapshot, the very same), "
            "'rebuilt' (from the tracklets: settings or build have changed, or the snapshot is damaged or gone).",
            "site",
            "how",
        )
        self.matcher_restore_seconds = self._gauge(
            "matcher_restore_seconds", "What the latest start of a site's matcher took.", "site"
        )
        self.matcher_events_suppressed = self._counter(
            "matcher_events_suppressed", "Events that a starting matcher decided once more and did not publish again.", "site"
        )
        self.matcher_divergences = self._counter(
            "matcher_divergences", "Starts at which a matcher decided otherwise than before on the same records.", "site"
        )
        self.matcher_foreign_records = self._counter(
            "matcher_foreign_records", "Records of sites that a matcher has no settings for."
        )
        self.snapshot_age = self._gauge(
            "matcher_snapshot_age_seconds", "How far the site's watermark is ahead of its latest snapshot.", "site"
        )
        self.snapshot_bytes = self._gauge("matcher_snapshot_bytes", "Size of the latest snapshot, compressed.", "site")
        self.snapshot_seconds = self._histogram(
            "matcher_snapshot_seconds", "What a snapshot took; nothing is decided meanwhile.", _WORK, "site"
        )

    def _search(self) -> None:
        self.search_tracklets = self._gauge("search_tracklets", "Tracklets that can be found by a search.", "site")
        self.search_vectors = self._gauge("search_vectors", "Vectors that searches compare with.", "site")
        self.search_evictions = self._counter(
            "search_evictions",
            "Tracklets that can be found no longer, by reason: 'age' (older than search.keep), 'capacity' (search.max_vectors).",
            "site",
            "reason",
        )
        self.search_records_skipped = self._counter(
            "search_records_skipped",
            "Records that the history of looks made no use of, by reason: 'unreadable', 'repeated' (an older revision), 'old' "
            "(beyond search.keep already), 'future' (an hour or more after its publication), 'unknown_camera', 'mismatch' "
            "(vectors of another length than that model's).",
            "site",
            "reason",
        )
        self.searches = self._counter(
            "searches", "Searches, by outcome: 'answered', 'refused' (a bad question), 'failed'.", "site", "outcome"
        )
        self.search_seconds = self._histogram(
            "search_seconds", "From a question to its answer, the embedding of its picture included.", _SEARCH, "site"
        )
        self.search_index_builds = self._counter(
            "search_index_builds",
            "Builds of an approximate index, by outcome: 'ready', 'inexact' (it would miss too much: search stays exact), "
            "'failed'.",
            "site",
            "outcome",
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        counter = Counter(f"throughline_{name}", text, labels, registry=self.registry)
        self.instruments.append(Instrument(f"throughline_{name}_total", "counter", text, labels, self._part, counter))
        return counter

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        gauge = Gauge(f"throughline_{name}", text, labels, registry=self.registry)
        self.instruments.append(Instrument(f"throughline_{name}", "gauge", text, labels, self._part, gauge))
        return gauge

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        histogram = Histogram(f"throughline_{name}", text, labels, buckets=buckets, registry=self.registry)
        self.instruments.append(Instrument(f"throughline_{name}", "histogram", text, labels, self._part, histogram))
        return histogram

    def exposition(self) -> bytes:
        """All values in Prometheus' text format."""
        return generate_latest(self.registry)
