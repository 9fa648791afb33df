"""What is known of every method: its paper, what it needs, and what was published.

F is The Fishyscapes Benchmark (IJCV 2021), C is CAOS (first edition, 2019), S is SynBoost (CVPR 2021), D is COCO-DAG.
Published numbers are AP / FPR95 in %: F on its hidden test sets, Lost & Found and Static, with DeepLabv3+ (Xception-71)
at full size; C as AUPR / FPR95 / AUROC of its own sets, per image.
"""

from __future__ import annotations

from dataclasses import dataclass

NONE, NORMAL, PASTED, NETWORK = "nothing", "normal images", "pasted anomalies", "the network trained for it"
LEARNED = "an outlier head"
"""What a method needs beside a trained segmentation network."""


@dataclass(frozen=True)
class Method:
    """A row of the table."""

    head: str
    """Name for `fishy evaluate --head`."""
    title: str
    source: str
    needs: str = NONE
    published: str = ""
    note: str = ""
    """Why it differs from what was published, beside what holds for all rows."""
    training: str = ""
    """Name of the configuration whose weights the row is of, where the head alone does not tell."""


WEAK_LABELS = "void things of Cityscapes (ids 5, 29, 30) instead of all void pixels"

METHODS: tuple[Method, ...] = (
    Method("msp", "Max softmax", "F 4.1, C 4.1", NONE, "F 1.8 / 44.8 ; 12.9 / 39.8"),
    Method("msp_temperature", "Max softmax, T = 10", "ODIN eq. 1"),
    Method("entropy", "Softmax entropy", "F 4.1, S eq. 1", NONE, "F 2.9 / 44.8 ; 15.4 / 39.8"),
    Method("softmax_distance", "Softmax distance", "S eq. 2"),
    Method(
        "max_logit", "Max logit", "C 4.2", NONE, "", "published on other tasks only (FPR95 / AUROC: VOC 35.6 / 90.9)"
    ),
    Method("logit_average", "Logit average", "C 4.2", NONE, "", "fails in the paper, too (AUROC 48 to 56)"),
    Method("energy", "Energy", "Liu et al. 2020"),
    Method("rba", "Rejected by all", "RbA eq. 6, 2023", NONE, "", "made for mask classifiers"),
    Method(
        "crf",
        "Max softmax + CRF",
        "C 4.1",
        NONE,
        "C StreetHazards 6.5 / 29.9 / 88.1",
        "FPR95 falls and AP falls, there too",
    ),
    Method("odin", "ODIN", "F B.2, Liang et al. 2018", NONE, "", "F: not improved much, no number"),
    Method("sml", "Standardised max logits", "D 2, Jung et al. 2021", NORMAL),
    Method("sml+boundaries+gaussian", "SML, whole chain", "Jung et al. 3.3, 3.4", NORMAL, "D (FS val) 24.3 / 17.2"),
    Method(
        "sml+vde",
        "SML + VDE",
        "D 3.3.2",
        NORMAL,
        "D (FS val) 33.4 / 10.3",
        "the mask of few road pixels cuts objects off",
    ),
    Method("sml+ground_rows", "SML + filled ground, widened", "this project", NORMAL),
    Method("energy+ground_rows", "Energy + filled ground, widened", "this project"),
    Method("kl_matching", "KL matching", "C 4.3", NORMAL, "", "published for whole images only"),
    Method("mahalanobis", "Mahalanobis", "Lee et al. 2018", NORMAL),
    Method("gmm", "Gaussian mixture", "GMMSeg 2022", NORMAL),
    Method("vim", "ViM", "Wang et al. 2022", NORMAL),
    Method("neco", "NECO", "Ben Ammar et al. 2024", NORMAL),
    Method("react", "ReAct", "Sun et al. 2021", NORMAL),
    Method("ash", "ASH-S", "Djurisic et al. 2023"),
    Method(
        "knn",
        "kNN density",
        "F eq. 5, B.5",
        NORMAL,
        "F 3.5 / 30.0 ; 44.0 / 20.2",
        "5,000 pixels instead of 1,000 images",
    ),
    Method("knn_class", "kNN relative class density", "F eq. 4", NORMAL, "F 0.8 / 100 ; 15.8 / 100"),
    Method("deep_knn", "Deep nearest neighbours", "Sun et al. 2022", NORMAL),
    Method("lof", "Local outlier factor", "C 4.2", NORMAL, "", "published on VOC (AUROC 68.4)"),
    Method("isolation_forest", "Isolation forest", "C 4.2", NORMAL, "", "published on VOC (AUROC 46.3)"),
    Method(
        "flow",
        "Embedding density, one layer",
        "F 4.2, B.6",
        NORMAL,
        "F 3.0 / 32.9 ; 40.9 / 21.3",
        "600 steps, not 200,000",
    ),
    Method(
        "flow_minimum",
        "Embedding density, minimum",
        "F eq. 8",
        NORMAL,
        "F 4.3 / 47.2 ; 62.1 / 17.4",
        "600 steps a layer",
    ),
    Method(
        "flow_regression",
        "Embedding density, regression",
        "F 4.2 ii",
        PASTED,
        "F 4.7 / 24.4 ; 57.2 / 13.4",
        "fitted on generated frames",
    ),
    Method("flow_input", "Embedding density, input step", "F B.6", NORMAL, "F val Static 36.0 -> 39.2 AP"),
    Method(
        "autoencoder", "Autoencoder", "C 4.1", NORMAL, "C StreetHazards 2.2 / 91.7 / 66.1", "300 steps, not ten epochs"
    ),
    Method(
        "resynthesis",
        "Image resynthesis, light",
        "F 4.3, S eq. 3",
        NORMAL,
        "F 5.7 / 48.1 ; 29.6 / 27.1",
        "own small generator, no adversarial loss, no discrepancy network",
    ),
    Method(
        "resynthesis_network",
        "Resynthesis++, light",
        "S A.2",
        NORMAL,
        "",
        "SynBoost's network without dispersion maps, from swapped labels alone; generator as above",
    ),
    Method(
        "synboost_network",
        "SynBoost, dissimilarity network",
        "S 3.1.3",
        PASTED,
        "",
        "a quarter of the widths, minutes of training, no adversarial loss",
    ),
    Method(
        "synboost",
        "SynBoost, light, with ensemble",
        "S 3.1 to 3.3, 5.2",
        PASTED,
        "S 43.2 / 15.8 ; 72.6 / 18.8; light (val) 36.0 / 46.4 ; 33.4 / 36.1",
        "as above; weights searched on generated frames",
    ),
    Method("maxent", "Max-entropy training", "F 4.1", NETWORK, "F 1.7 / 30.6 ; 27.5 / 23.6", WEAK_LABELS),
    Method(
        "maxent",
        "Max-entropy training, COCO objects",
        "D 2, 3.1",
        NETWORK,
        "D (L&F) 59.4 / 30.7",
        "objects of 128 COCO images",
        training="four_way",
    ),
    Method("void", "Void classifier", "F 4.1", NETWORK, "F 10.3 / 22.1 ; 45.0 / 19.4", WEAK_LABELS),
    Method(
        "background",
        "Background class",
        "C 4.1",
        NETWORK,
        "C StreetHazards 4.5 / 69.0 / 58.6",
        "every unlabelled pixel of Cityscapes instead of a class of StreetHazards",
    ),
    Method("dirichlet", "Dirichlet", "F eq. 3, B.4", NETWORK, "F 34.3 / 47.4 ; 31.3 / 84.6", WEAK_LABELS),
    Method("confidence", "Confidence branch", "C 4.1", NETWORK, "C StreetHazards 1.5 / 68.4 / 65.7"),
    Method("pebal", "PEBAL", "Tian et al. 2022", NETWORK, "58.8 / 4.8 ; -"),
    Method("mc_mutual_information", "Bayesian, mutual information", "F eq. 2", NETWORK, "F 9.8 / 38.5 ; 48.7 / 15.5"),
    Method("mc_entropy", "Bayesian, predictive entropy", "F eq. 1", NETWORK),
    Method("mc_variance", "Dropout, variance", "C 4.1", NETWORK, "C StreetHazards 7.5 / 79.4 / 69.9"),
    Method("oodmc", "OODMC", "D alg. 1", NETWORK),
    Method("meta", "Entropy + meta classification", "D 2", PASTED),
    Method(
        "dissimilarity",
        "Outlier head, random patches",
        "F 4.3",
        LEARNED,
        "F 21.2 / 36.9 ; 86.2 / 2.4",
        "own light head, trained with the network",
    ),
    Method(
        "dissimilarity",
        "Outlier head, random patches alone",
        "F 4.3",
        NETWORK,
        "F 21.2 / 36.9 ; 86.2 / 2.4",
        "own light head; patches of objects instead of ImageNet's pictures",
        training="outlier_random",
    ),
    Method(
        "dissimilarity",
        "Outlier head, fixed patches",
        "F 4.3",
        NETWORK,
        "F 15.7 / 76.9 ; 82.9 / 5.1",
        "as above; each patch covers 5 % of a crop",
        training="outlier_fixed",
    ),
    Method(
        "combined_probability",
        "Outlier head, combined probability",
        "F 4.3",
        LEARNED,
        "F 30.9 / 22.2 ; 84.0 / 10.3",
        "F prints no formula",
    ),
    Method(
        "dense_hybrid",
        "DenseHybrid's score",
        "Grcic et al. eq. 4, 2022",
        LEARNED,
        "",
        "likelihood not trained on outliers",
    ),
    Method(
        "ensemble",
        "Ensemble, grid search",
        "S 3.3",
        PASTED,
        "",
        "SynBoost's ensemble with own parts, no synthesis",
    ),
    Method("dissimilarity+smooth", "Outlier head, 3x3 mean", "this project", LEARNED),
    Method("dissimilarity+ground", "Outlier head + ground around", "this project", LEARNED),
    Method("dissimilarity+ground_rows", "Outlier head + filled ground", "this project", LEARNED),
)
"""In the order of the table: scores of logits, of features, of trained variants, of the learned head."""

GENERAL_REASON = (
    "Published numbers are those of other networks (DeepLabv3+ with Xception-71, WideResNet-38) at 2048x1024 on hidden "
    "frames; ours are those of one network of 2.8 million parameters at 512x1024 on public development frames. Compare "
    "ranks, not values."
)
