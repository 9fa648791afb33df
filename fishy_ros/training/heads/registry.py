"""Heads by name, built on a trained model and what was measured on images; names compose: `sml+boundaries+gaussian`."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from fishy_ros.errors import ConfigError
from fishy_ros.training.heads.activation_shaping import AshHead, ReactHead
from fishy_ros.training.heads.autoencoder import AutoencoderHead, AutoencoderMeasure
from fishy_ros.training.heads.boundary_suppression import BoundarySuppression
from fishy_ros.training.heads.class_moments import ClassMoments
from fishy_ros.training.heads.classifier import classifier_of
from fishy_ros.training.heads.combined import CombinedProbabilityHead, DenseHybridHead, SmoothedHead
from fishy_ros.training.heads.conditional_random_field import ConditionalRandomFieldHead
from fishy_ros.training.heads.dilated_gaussian import DilatedGaussian
from fishy_ros.training.heads.ensemble import EnsembleHead, EnsembleSearch, parts_of, synboost_parts
from fishy_ros.training.heads.flow import LAYERS, FlowHead, FlowLayersHead, FlowMeasure, FlowRegression
from fishy_ros.training.heads.gaussian import GaussianMixtureHead, MahalanobisHead
from fishy_ros.training.heads.input_gradient import InputFlowHead, OdinHead
from fishy_ros.training.heads.kl_matching import KlMatchingHead, MeanPosteriors
from fishy_ros.training.heads.logit_heads import (
    EnergyHead,
    EntropyHead,
    LogitAverageHead,
    MaxLogitHead,
    MaxSoftmaxHead,
    RejectedByAllHead,
    SoftmaxDistanceHead,
    TemperatureHead,
)
from fishy_ros.training.heads.meta_classification import MetaClassificationHead, MetaMeasure
from fishy_ros.training.heads.mixture import MixtureMeasure
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.heads.monte_carlo import MutualInformationHead, PosteriorVarianceHead, PredictiveEntropyHead
from fishy_ros.training.heads.nearest_neighbours import DeepKnnHead, KnnClassDensityHead, KnnDensityHead
from fishy_ros.training.heads.oodmc import OodmcHead, OodmcMeasure
from fishy_ros.training.heads.outlier_detectors import (
    LogitSample,
    OutlierDetectorHead,
    isolation_forest,
    local_outlier_factor,
)
from fishy_ros.training.heads.pixel_bank import PixelBank
from fishy_ros.training.heads.resynthesis import ResynthesisHead, ResynthesisMeasure
from fishy_ros.training.heads.road_context import RoadContextHead
from fishy_ros.training.heads.road_rows import RoadRowsHead
from fishy_ros.training.heads.spec import HeadSpec, MeasureSpec, Statistics, WrapperSpec, simple
from fishy_ros.training.heads.standardized_max_logits import StandardizedMaxLogitsHead
from fishy_ros.training.heads.subspace import NecoHead, VimHead
from fishy_ros.training.heads.synboost import ResynthesisNetworkHead, SynBoostHead
from fishy_ros.training.heads.synboost_training import ResynthesisNetworkMeasure, SynBoostMeasure
from fishy_ros.training.heads.variant_heads import ConfidenceHead, DirichletHead, VoidClassHead
from fishy_ros.training.heads.variation_of_dilation_and_erosion import VariationOfDilationAndErosion

AGAIN = "it runs the network on the image again"
LIBRARY = "a library outside the graph computes it"
ALL_FLOWS: tuple[str, ...] = tuple(f"flow_{layer}" for layer in LAYERS)


def _flow(layer: str) -> MeasureSpec:
    return MeasureSpec(lambda model, statistics: FlowMeasure(layer))


MEASURES: dict[str, MeasureSpec] = {
    "class_moments": MeasureSpec(ClassMoments),
    "mixture": MeasureSpec(MixtureMeasure),
    "posteriors": MeasureSpec(MeanPosteriors),
    "bank": MeasureSpec(PixelBank),
    "logit_sample": MeasureSpec(LogitSample),
    "autoencoder": MeasureSpec(AutoencoderMeasure),
    "resynthesis": MeasureSpec(ResynthesisMeasure),
    "resynthesis_network": MeasureSpec(ResynthesisNetworkMeasure, ("resynthesis",)),
    **{f"flow_{layer}": _flow(layer) for layer in LAYERS},
    "flow_regression": MeasureSpec(FlowRegression, ALL_FLOWS, pasted=True),
    "ensemble": MeasureSpec(EnsembleSearch, ("class_moments",), pasted=True),
    "synboost": MeasureSpec(SynBoostMeasure, ("resynthesis",), pasted=True),
    "synboost_ensemble": MeasureSpec(
        lambda model, statistics: EnsembleSearch(model, statistics, synboost_parts), ("synboost",), pasted=True
    ),
    "oodmc": MeasureSpec(OodmcMeasure, pasted=True),
    "meta": MeasureSpec(MetaMeasure, pasted=True),
}
"""What heads learn from images."""


def _sml(statistics: Statistics) -> StandardizedMaxLogitsHead:
    moments = statistics.of("class_moments")
    return StandardizedMaxLogitsHead(moments["max_logit_mean"], moments["max_logit_std"])


def _mahalanobis(statistics: Statistics) -> MahalanobisHead:
    moments = statistics.of("class_moments")
    return MahalanobisHead(moments["means"], moments["covariance"])


HEADS: dict[str, HeadSpec] = {
    "msp": simple(MaxSoftmaxHead),
    "msp_temperature": simple(TemperatureHead),
    "entropy": simple(EntropyHead),
    "softmax_distance": simple(SoftmaxDistanceHead),
    "max_logit": simple(MaxLogitHead),
    "logit_average": simple(LogitAverageHead),
    "energy": simple(EnergyHead),
    "rba": simple(RejectedByAllHead),
    "crf": simple(ConditionalRandomFieldHead),
    "sml": HeadSpec(lambda m, s: _sml(s), ("class_moments",)),
    "kl_matching": HeadSpec(lambda m, s: KlMatchingHead(**s.of("posteriors")), ("posteriors",)),
    "mahalanobis": HeadSpec(lambda m, s: _mahalanobis(s), ("class_moments",)),
    "gmm": HeadSpec(lambda m, s: GaussianMixtureHead(**s.of("mixture")), ("mixture",)),
    "knn": HeadSpec(lambda m, s: KnnDensityHead(s.of("bank")["features"]), ("bank",)),
    "knn_class": HeadSpec(
        lambda m, s: KnnClassDensityHead(s.of("bank")["features"], s.of("bank")["classes"]), ("bank",)
    ),
    "deep_knn": HeadSpec(lambda m, s: DeepKnnHead(s.of("bank")["features"]), ("bank",)),
    "vim": HeadSpec(lambda m, s: VimHead(s.of("bank")["features"], classifier_of(m.net)), ("bank",)),
    "neco": HeadSpec(lambda m, s: NecoHead(s.of("bank")["features"]), ("bank",)),
    "react": HeadSpec(lambda m, s: ReactHead(classifier_of(m.net), s.of("bank")["features"]), ("bank",)),
    "ash": HeadSpec(lambda m, s: AshHead(classifier_of(m.net))),
    "flow": HeadSpec(lambda m, s: FlowHead("semantic", s.of("flow_semantic")), ("flow_semantic",)),
    "flow_minimum": HeadSpec(lambda m, s: FlowLayersHead(s), ALL_FLOWS),
    "flow_regression": HeadSpec(lambda m, s: FlowLayersHead(s, **s.of("flow_regression")), ("flow_regression",)),
    "autoencoder": HeadSpec(lambda m, s: AutoencoderHead(s.of("autoencoder")), ("autoencoder",)),
    "resynthesis": HeadSpec(lambda m, s: ResynthesisHead(m, s.of("resynthesis")), ("resynthesis",)),
    "resynthesis_network": HeadSpec(ResynthesisNetworkHead, ("resynthesis_network",)),
    "dissimilarity": HeadSpec(lambda m, s: m.head),
    "dense_hybrid": HeadSpec(lambda m, s: DenseHybridHead(m.head)),
    "combined_probability": HeadSpec(lambda m, s: CombinedProbabilityHead(m.head)),
    "ensemble": HeadSpec(lambda m, s: EnsembleHead(parts_of(m, s), **s.of("ensemble")), ("ensemble",)),
    "synboost_network": HeadSpec(SynBoostHead, ("synboost",)),
    "synboost": HeadSpec(
        lambda m, s: EnsembleHead(synboost_parts(m, s), **s.of("synboost_ensemble")), ("synboost_ensemble",)
    ),
    "maxent": simple(EntropyHead, "maxent"),
    "void": simple(VoidClassHead, "void"),
    "background": simple(VoidClassHead, "background"),
    "dirichlet": simple(DirichletHead, "dirichlet"),
    "confidence": simple(ConfidenceHead, "confidence"),
    "pebal": simple(EnergyHead, "pebal"),
    "mc_entropy": HeadSpec(lambda m, s: PredictiveEntropyHead(m), (), False, AGAIN, "bayesian"),
    "mc_mutual_information": HeadSpec(lambda m, s: MutualInformationHead(m), (), False, AGAIN, "bayesian"),
    "mc_variance": HeadSpec(lambda m, s: PosteriorVarianceHead(m), (), False, AGAIN, "bayesian"),
    "oodmc": HeadSpec(lambda m, s: OodmcHead(m, s.of("oodmc")), ("oodmc",), False, AGAIN, "bayesian"),
    "odin": HeadSpec(lambda m, s: OdinHead(m), (), False, AGAIN),
    "flow_input": HeadSpec(
        lambda m, s: InputFlowHead(m, FlowHead("semantic", s.of("flow_semantic"))), ("flow_semantic",), False, AGAIN
    ),
    "lof": HeadSpec(
        lambda m, s: OutlierDetectorHead(local_outlier_factor(**s.of("logit_sample"))),
        ("logit_sample",),
        False,
        LIBRARY,
    ),
    "isolation_forest": HeadSpec(
        lambda m, s: OutlierDetectorHead(isolation_forest(**s.of("logit_sample"))),
        ("logit_sample",),
        False,
        LIBRARY,
    ),
    "meta": HeadSpec(lambda m, s: MetaClassificationHead(**s.of("meta")), ("meta",), False, LIBRARY),
}
"""Every head; larger raw scores are more anomalous."""

WRAPPERS: dict[str, WrapperSpec] = {
    "smooth": WrapperSpec(lambda head, s: SmoothedHead(head, 3)),
    "ground": WrapperSpec(lambda head, s: RoadContextHead(head)),
    "ground_rows": WrapperSpec(lambda head, s: RoadRowsHead(head)),
    "vde": WrapperSpec(VariationOfDilationAndErosion, ("class_moments",)),
    "boundaries": WrapperSpec(lambda head, s: BoundarySuppression(head)),
    "gaussian": WrapperSpec(lambda head, s: DilatedGaussian(head)),
}
"""What can stand behind a head, each behind a plus sign; applied from left to right."""

ALIASES: dict[str, str] = {
    "sml_raw": "sml",
    "dissimilarity_smooth": "dissimilarity+smooth",
    "dissimilarity_road": "dissimilarity+ground",
    "dissimilarity_vde": "dissimilarity+ground_rows",
    "dissimilarity_road_smooth": "dissimilarity+ground+smooth",
    "dissimilarity_sml": "ensemble",
}
"""Names of earlier versions."""

COMPOSED: tuple[str, ...] = (
    "sml+boundaries+gaussian",
    "sml+vde",
    "sml+ground_rows",
    "dissimilarity+smooth",
    "dissimilarity+ground",
    "dissimilarity+ground_rows",
    "dissimilarity+ground+smooth",
)
"""Compositions that are studied beside the plain heads."""


def create_head(name: str, model: AnomalyModel, statistics: Statistics) -> nn.Module:
    """Build a head by name.

    Raises:
        ConfigError: the name is unknown, or the model or the statistics lack what the head needs.
    """
    spec, wrappers = parse_head(name)
    if spec.variant is not None and spec.variant != model.net.variant:
        raise ConfigError(
            f"head {name!r} needs weights that were trained for it (network s_{spec.variant}), found {model.size!r}"
        )
    head = spec.build(model, statistics)
    for wrapper in wrappers:
        head = wrapper.build(head, statistics)
    return head


def parse_head(name: str) -> tuple[HeadSpec, tuple[WrapperSpec, ...]]:
    """Look up a head and what stands behind it.

    Raises:
        ConfigError: one of the names is unknown.
    """
    first, *rest = ALIASES.get(name, name).split("+")
    if first not in HEADS:
        raise ConfigError(f"head {first!r} is unknown; known are {sorted(HEADS)}")
    for wrapper in rest:
        if wrapper not in WRAPPERS:
            raise ConfigError(f"head {name!r}: {wrapper!r} is unknown; a head takes {sorted(WRAPPERS)}")
    return HEADS[first], tuple(WRAPPERS[wrapper] for wrapper in rest)


def require_in_graph(name: str) -> None:
    """See to it that a head can be part of a model package.

    Raises:
        ConfigError: it is unknown, or a head of studies.
    """
    spec, _ = parse_head(name)
    if not spec.in_graph:
        raise ConfigError(f"head {name!r} is for studies and cannot be exported: {spec.why_not}")


def measures_of(names: Iterable[str]) -> tuple[str, ...]:
    """Name the measures that some heads need, each behind those that it reads.

    Raises:
        ConfigError: a head is unknown.
    """
    found: dict[str, None] = {}

    def add(measure: str) -> None:
        for earlier in MEASURES[measure].after:
            add(earlier)
        found[measure] = None

    for name in names:
        spec, wrappers = parse_head(name)
        for measure in (*spec.measures, *(each for wrapper in wrappers for each in wrapper.measures)):
            add(measure)
    return tuple(found)


def usable_heads(model: AnomalyModel, names: Iterable[str] = (*HEADS, *COMPOSED)) -> tuple[str, ...]:
    """Leave out the heads that need weights of another variant than the model's."""
    return tuple(name for name in names if parse_head(name)[0].variant in (None, model.net.variant))
