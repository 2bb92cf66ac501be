"""`throughline evaluate reid`: how well embedders, alone and together, find vehicles again."""

from __future__ import annotations

import argparse
import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from throughline.commands._arguments import count, number_between
from throughline.commands._exit import BAD_INPUT, CommandError
from throughline.commands._model_pictures import embed_all, inference_workers, read_picture
from throughline.commands._output import print_json, say
from throughline.commands._report_file import report_path, write_report
from throughline.settings.models import EmbedderSettings
from throughline.types import FloatArray

if TYPE_CHECKING:
    from evaluation.reid import ReidScore, Views
    from evaluation.reid_report import ReidMember
    from evaluation.report import Picture
    from inference.ensemble import Ensemble
    from throughline.formats.crop_index import Crop
    from throughline.formats.reid_folder import ReidFolder

__all__ = ["add_arguments"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "folder",
        type=Path,
        metavar="DIR",
        help="pictures of vehicles and index.csv: file,vehicle_id,cam[,class]; those of the lowest camera are looked for among "
        "those of the others. Or query/ and gallery/, or VeRi's image_query/ and image_test/",
    )
    parser.add_argument(
        "--model",
        action="append",
        type=_member,
        metavar="NAME[=WEIGHT]",
        help="name in the catalogue or path of an ONNX file, with the weight of its cosine; repeat for an ensemble: each "
        "member is then left out once, and tried alone (default: default)",
    )
    parser.add_argument(
        "--flip",
        action=argparse.BooleanOptionalAction,
        help="average each vector with that of the mirrored crop (default: as the model's file says)",
    )
    parser.add_argument(
        "--second-crop",
        type=number_between(0.0, 1.0, ends=False),
        metavar="SHARE",
        help="average each vector with that of the middle of the crop, this share of its width and height",
    )
    parser.add_argument(
        "--vehicle-columns",
        default="vehicle_id",
        metavar="NAMES",
        help="columns of index.csv that together tell vehicles apart (default: %(default)s)",
    )
    parser.add_argument(
        "--camera-column", default="cam", metavar="NAME", help="column that tells cameras, or views, apart (default: %(default)s)"
    )
    parser.add_argument("--all-queries", action="store_true", help="look for every picture of index.csv among all of them")
    parser.add_argument(
        "--class", dest="kinds", action="append", default=[], metavar="TYPE", help="vehicles of this class; repeat"
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="PATTERN", help="pictures whose name is like this, such as 'car_*'; repeat"
    )
    parser.add_argument("--top", type=count, default=100, metavar="N", help="length of the list of `mAP of the first N`")
    parser.add_argument("--threads", type=int, default=0, help="inference threads; 0: one for each core, at most four")
    parser.add_argument("--report", type=report_path, metavar="FILE", help="write a report with rankings: .html or .md")
    parser.add_argument(
        "--sheets",
        type=count,
        default=12,
        metavar="N",
        help="worst, and evenly chosen, rankings in the report (default: %(default)d)",
    )
    parser.add_argument("--shown", type=count, default=7, metavar="K", help="pictures in a ranking (default: %(default)d)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_run)


def _member(text: str) -> tuple[str, float]:
    name, sign, weight = text.rpartition("=")
    if not sign:
        return text, 1.0
    try:
        value = float(weight)
    except ValueError:
        return text, 1.0  # a path may hold the sign
    if not 0.0 < value < np.inf:
        raise argparse.ArgumentTypeError(f"expected a weight above 0, found {weight}")
    return name, value


@dataclass(frozen=True, slots=True)
class _Set:
    """Pictures, each once, and which of them are looked for and looked among."""

    crops: Sequence[Crop]
    query: Sequence[int]
    gallery: Sequence[int]
    views: Views

    def part(self, places: Sequence[int]) -> Views:
        from evaluation.reid import Views

        return Views(self.views.vehicles[places], self.views.cameras[places])


def _run(options: argparse.Namespace) -> int:
    from evaluation.reid_report import ReidReport
    from evaluation.separation import separation
    from inference.ensemble import Ensemble
    from throughline.formats import FormatError
    from throughline.formats.reid_folder import read_reid_folder

    try:
        folder = read_reid_folder(
            options.folder,
            vehicle=options.vehicle_columns.split(","),
            camera=options.camera_column,
            all_queries=options.all_queries,
        )
    except FormatError as error:
        raise CommandError(str(error), BAD_INPUT) from error
    pictures = _numbered(_chosen(folder, options))
    chosen = [
        EmbedderSettings(model=model, weight=weight, flip=options.flip, second_crop=options.second_crop)
        for model, weight in options.model or [("default", 1.0)]
    ]
    members, vectors = _embedded(chosen, pictures.crops, options.threads)
    ensemble = Ensemble({member.name: member.weight for member in members})
    variants = _variants(ensemble)
    alike = _similarities(ensemble, vectors, pictures)
    score = _score(alike, pictures, options.top, whole=True)
    if len(score.queries) == 0:
        raise CommandError(f"{options.folder}: no picture looked for shows a vehicle that another camera saw", BAD_INPUT)
    vehicles, cameras = pictures.views.vehicles, pictures.views.cameras
    same = vehicles[pictures.query][:, None] == vehicles[pictures.gallery][None]
    compared = ~(same & (cameras[pictures.query][:, None] == cameras[pictures.gallery][None]))
    report = ReidReport(
        options.folder.resolve().name,
        members,
        (len(pictures.query), len(pictures.gallery)),
        score,
        separation(alike[compared], same[compared]),
        {
            name: _score(_similarities(part, vectors, pictures), pictures, options.top, whole=False)
            for name, part in variants.items()
        },
        _by_kind(score, pictures),
    )
    if options.report is not None:
        write_report(report.to_report(_sheets(score, alike, pictures, options.sheets, options.shown)), options.report)
    if options.json:
        print_json(report.to_json())
    else:
        print(report.to_markdown(), end="")
    return 0


def _chosen(folder: ReidFolder, options: argparse.Namespace) -> tuple[list[Crop], list[Crop]]:
    """What the options leave of both parts."""

    def wanted(crop: Crop) -> bool:
        named = not options.only or any(fnmatch.fnmatch(crop.path.name, pattern) for pattern in options.only)
        return named and (not options.kinds or crop.kind in options.kinds)

    query, gallery = ([crop for crop in part if wanted(crop)] for part in (folder.query, folder.gallery))
    if not query or not gallery:
        raise CommandError(f"{options.folder}: --only and --class leave {len(query)} queries among {len(gallery)}", BAD_INPUT)
    return query, gallery


def _numbered(parts: tuple[list[Crop], list[Crop]]) -> _Set:
    """Both parts as places in one list, vehicles and cameras as numbers."""
    from evaluation.reid import Views

    crops = list({crop.path: crop for part in parts for crop in part}.values())
    places = {crop.path: place for place, crop in enumerate(crops)}
    _, vehicles = np.unique([crop.vehicle for crop in crops], return_inverse=True)
    _, cameras = np.unique([crop.camera for crop in crops], return_inverse=True)
    query, gallery = ([places[crop.path] for crop in part] for part in parts)
    return _Set(crops, query, gallery, Views(vehicles.astype(np.int64), cameras.astype(np.int64)))


def _embedded(
    chosen: Sequence[EmbedderSettings], crops: Sequence[Crop], threads: int
) -> tuple[tuple[ReidMember, ...], dict[str, FloatArray]]:
    """The members, and the vectors of all pictures by each."""
    from evaluation.reid_report import ReidMember
    from inference.models import load_embedder

    members: list[ReidMember] = []
    vectors: dict[str, FloatArray] = {}
    with inference_workers(threads) as workers:
        for settings in chosen:
            embedder, note = load_embedder(settings, workers)
            try:
                if note:
                    say(note)
                if embedder.name in vectors:
                    raise CommandError(f"--model: two members are called {embedder.name}", BAD_INPUT)
                vectors[embedder.name] = embed_all(embedder, [crop.path for crop in crops])
                members.append(ReidMember(embedder.name, embedder.hash, embedder.dimension, settings.weight))
            finally:
                embedder.close()
    return tuple(members), vectors


def _variants(ensemble: Ensemble) -> dict[str, Ensemble]:
    """Each member left out, and each alone; of two that is the same."""
    names = list(ensemble.weights)
    if len(names) < 2:
        return {}
    left_out = {f"without {name}": ensemble.without(name) for name in names} if len(names) > 2 else {}
    return {**left_out, **{f"only {name}": ensemble.only(name) for name in names}}


def _similarities(ensemble: Ensemble, vectors: Mapping[str, FloatArray], pictures: _Set) -> FloatArray:
    """(Q, G) weighted cosines."""
    whole = ensemble.concatenate(vectors)
    return whole[np.array(pictures.query)].similarity(whole[np.array(pictures.gallery)])


def _score(alike: FloatArray, pictures: _Set, top: int, *, whole: bool) -> ReidScore:
    """The score, in all protocols if ``whole``, else in the one that parts of an ensemble are compared by."""
    from evaluation.reid import PROTOCOLS, score_reid

    protocols = PROTOCOLS if whole else PROTOCOLS[:1]
    return score_reid(alike, pictures.part(pictures.query), pictures.part(pictures.gallery), top=top, protocols=protocols)


def _by_kind(score: ReidScore, pictures: _Set) -> dict[str, ReidScore]:
    kinds = np.array([pictures.crops[pictures.query[index]].kind for index in score.queries.tolist()])
    return {str(kind): score.of(kinds == kind) for kind in np.unique(kinds) if kind}


def _sheets(score: ReidScore, alike: FloatArray, pictures: _Set, wanted: int, shown: int) -> list[tuple[str, list[Picture]]]:
    """Rankings to look at: the worst ones, and some spread evenly over all from worst to best."""
    order = np.argsort(score.average_precisions, kind="stable")
    spread = order[np.unique(np.linspace(0, len(order) - 1, min(wanted, len(order))).astype(np.int64))]
    parts = {"Worst rankings": order[:wanted], "Rankings from worst to best": spread}
    return [
        (
            heading,
            [
                _sheet(score, int(place), alike, pictures, shown, f"{heading.split()[0].lower()}-{number:02d}")
                for number, place in enumerate(places.tolist(), 1)
            ],
        )
        for heading, places in parts.items()
        if len(places)
    ]


def _sheet(score: ReidScore, place: int, alike: FloatArray, pictures: _Set, shown: int, name: str) -> Picture:
    from evaluation.contact_sheet import draw_ranking, to_jpeg
    from evaluation.report import Picture

    index = int(score.queries[place])
    query = pictures.crops[pictures.query[index]]
    ranked = []
    for other in np.argsort(-alike[index], kind="stable").tolist():
        crop = pictures.crops[pictures.gallery[other]]
        if crop.vehicle == query.vehicle and crop.camera == query.camera:
            continue
        ranked.append((read_picture(crop.path), crop.vehicle == query.vehicle, f"{alike[index, other]:.3f} {crop.vehicle}"))
        if len(ranked) == shown:
            break
    first, precision = int(score.first_matches[place]), float(score.average_precisions[place])
    caption = f"{query.path.name}: first right one at rank {first}, average precision {precision:.3f}"
    return Picture(f"{name}.jpg", caption, to_jpeg(draw_ranking(read_picture(query.path), ranked, text=query.vehicle)))
