"""Terms of the variants against torch.distributions and direct sums, and that a few steps teach what they should."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: training is not tested")

from scipy.special import expit, softmax  # noqa: E402
from torch.distributions import Dirichlet, kl_divergence  # noqa: E402
from training.heads.made_up import made_up  # noqa: E402

from fishy_ros.training.crops import Crop  # noqa: E402
from fishy_ros.training.heads.model import AnomalyModel, initialise  # noqa: E402
from fishy_ros.training.heads.registry import create_head  # noqa: E402
from fishy_ros.training.heads.spec import Statistics  # noqa: E402
from fishy_ros.training.losses import LossConfig, total_loss  # noqa: E402
from fishy_ros.training.nets.network import NetOutput  # noqa: E402
from fishy_ros.training.ood_losses import (  # noqa: E402
    OOD_TERMS,
    background_term,
    confidence_term,
    dirichlet_divergence,
    dirichlet_term,
    max_entropy_term,
    pebal_term,
    void_term,
)

NET = made_up(7, batch=2, extra=True)
SHAPE = NET.logits[:, 0].shape
LABELS = torch.randint(0, 19, SHAPE, generator=torch.Generator().manual_seed(1)).to(torch.uint8)
OUTLIER = torch.zeros(SHAPE, dtype=torch.uint8)
OUTLIER[:, 3:6, 4:9] = 1
OUTLIER[:, 10] = 255
LABELS[OUTLIER == 1] = 255
OUT = (OUTLIER == 1).numpy()
IN = ((OUTLIER == 0) & (LABELS != 255)).numpy()
POSTERIORS = softmax(NET.logits.numpy().astype(np.float64), axis=1)


def test_maxent_is_the_cross_entropy_to_the_uniform_distribution():
    expected = -np.log(POSTERIORS).mean(axis=1)[OUT].mean()
    assert float(max_entropy_term(NET, LABELS, OUTLIER)) == pytest.approx(expected, rel=1e-5)


def test_void_adds_up_to_the_cross_entropy_of_one_class_more():
    every = torch.cat([NET.logits, NET.extra], dim=1)
    labels = LABELS.long().clone()
    labels[OUTLIER == 1] = 19
    used = torch.tensor(OUT | (OUTLIER == 0).numpy())
    more = torch.nn.functional.cross_entropy(every, labels.clamp_max(19), reduction="none")[used].sum()
    classes = torch.nn.functional.cross_entropy(NET.logits, LABELS.long().clamp_max(18), reduction="none")
    inside = classes[(OUTLIER == 0)].sum()
    assert float(void_term(NET, LABELS, OUTLIER) * used.sum() + inside) == pytest.approx(float(more), rel=1e-5)


def test_background_is_every_pixel_without_a_label():
    every = torch.cat([NET.logits, NET.extra], dim=1)
    labels = torch.where(LABELS == 255, 19, LABELS.long())
    more = torch.nn.functional.cross_entropy(every, labels, reduction="none").sum()
    classes = torch.nn.functional.cross_entropy(NET.logits, LABELS.long(), ignore_index=255, reduction="sum")
    assert float(background_term(NET, LABELS, OUTLIER) * labels.numel() + classes) == pytest.approx(
        float(more), rel=1e-5
    )


def test_dirichlet_is_the_divergence_that_torch_knows():
    target, alpha = (0.1 + 5 * torch.rand(1, 6, 1, 1) for _ in range(2))
    expected = kl_divergence(Dirichlet(target[0, :, 0, 0]), Dirichlet(alpha[0, :, 0, 0]))
    assert float(dirichlet_divergence(target, alpha)) == pytest.approx(float(expected), rel=1e-4)
    wanted = torch.full((1, 19, 1, 1), 1.0)
    wanted[:, 4] = 82.0  # 100 (1 - 18 x 0.01)
    right = NetOutput(wanted.log(), wanted, wanted)
    label, normal = torch.full((1, 1, 1), 4), torch.zeros(1, 1, 1)
    assert float(dirichlet_term(right, label, normal)) == pytest.approx(0, abs=1e-4)
    flat = NetOutput(torch.zeros(1, 19, 1, 1), wanted, wanted)
    assert float(dirichlet_term(flat, label, normal + 1)) == pytest.approx(0, abs=1e-4)
    assert float(dirichlet_term(flat, label, normal)) > 1


def test_dirichlet_is_a_tenth_of_both_means():
    """Appendix B.4: both divergences times 0.1, from labels of precision 100 smoothed by 0.01, and from all ones."""
    logits = NET.logits.double().clamp(-4, 4).permute(0, 2, 3, 1)
    smooth = torch.full_like(logits, 1.0).scatter_(3, LABELS.long().clamp_max(18)[..., None], 82.0)
    inside = kl_divergence(Dirichlet(smooth), Dirichlet(logits.exp()))[torch.tensor(IN)].mean()
    outside = kl_divergence(Dirichlet(torch.ones_like(logits)), Dirichlet(logits.exp()))[torch.tensor(OUT)].mean()
    got = dirichlet_term(NET._replace(logits=NET.logits.clamp(-4, 4)), LABELS, OUTLIER)
    assert float(got) == pytest.approx(0.1 * float(inside + outside), rel=1e-4)


def test_confidence_pays_for_hints():
    sure = NET._replace(extra=torch.full_like(NET.extra, 20.0))
    right = np.take_along_axis(POSTERIORS, LABELS.long().clamp_max(18).numpy()[:, None], 1)[:, 0]
    expected = -np.log(right.clip(1e-6))[IN].mean()
    assert float(confidence_term(sure, LABELS, OUTLIER)) == pytest.approx(expected, rel=1e-4)


def test_confidence_mixes_the_prediction_with_the_truth_where_hints_are_given():
    """DeVries and Taylor, equations 2 to 4: -ln(c p + 1 - c) - lambda ln c, and no hints for a random half."""
    torch.manual_seed(4)
    hinted = (torch.rand(SHAPE) < 0.5).numpy()
    torch.manual_seed(4)
    got = float(confidence_term(NET, LABELS, OUTLIER))
    right = np.take_along_axis(POSTERIORS, LABELS.long().clamp_max(18).numpy()[:, None], 1)[:, 0]
    sure = expit(NET.extra[:, 0].numpy().astype(np.float64))
    mixed = np.where(hinted, sure * right + 1 - sure, right)
    assert got == pytest.approx((-np.log(mixed.clip(1e-6)) - 0.1 * np.log(sure))[IN].mean(), rel=1e-4)


def test_pebal_equals_its_equations():
    every = softmax(torch.cat([NET.logits, NET.extra], 1).numpy().astype(np.float64), axis=1)
    energy = -np.log(np.exp(NET.logits.numpy().astype(np.float64)).sum(1))
    right = np.take_along_axis(every, LABELS.long().clamp_max(18).numpy()[:, None], 1)[:, 0]
    abstain = -np.log(np.maximum(right + every[:, -1] / np.maximum(energy**2, 1), 1e-6))[IN].mean()
    abstain -= np.log(every[:, -1].clip(1e-6))[OUT].mean()
    apart = (np.maximum(energy + 12, 0) ** 2)[IN].mean() + (np.maximum(-6 - energy, 0) ** 2)[OUT].mean()
    regular = 1.5e-6 * ((np.diff(energy, axis=2) ** 2).sum() + (np.diff(energy, axis=1) ** 2).sum())
    regular += 5e-4 * np.sqrt((energy[OUT] ** 2).sum())
    assert float(pebal_term(NET, LABELS, OUTLIER)) == pytest.approx(abstain + 0.02 * apart + regular, rel=1e-5)


@pytest.mark.parametrize("variant", sorted(OOD_TERMS))
def test_a_few_steps_of_real_training_tell_outliers_apart(variant):
    """A grey street with a bright patch that is an outlier; the score of the variant must come to see it."""
    torch.set_num_threads(1)
    model = AnomalyModel(f"s_{variant}")
    initialise(model, 3)
    torch.manual_seed(0)
    image = 90 + 6 * torch.randn(2, 3, 64, 64)
    image[:, :, 24:48, 24:48] = torch.tensor([250.0, 20, 250]).view(1, 3, 1, 1)
    image[:, :, :16] = 200 + 6 * torch.randn(2, 3, 16, 64)
    labels, outlier = torch.zeros(2, 16, 16, dtype=torch.uint8), torch.zeros(2, 16, 16, dtype=torch.uint8)
    labels[:, :4], labels[:, 6:12, 6:12], outlier[:, 6:12, 6:12] = 10, 255, 1
    batch = Crop(image, labels, torch.ones(2, 16, 16), outlier)
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)

    @torch.no_grad()
    def gap():
        net = model.net(model.normalise(image))  # in training mode: two images are no statistics for another one
        score = create_head(variant, model.train(), Statistics())(net.logits, net, image)
        return float(score[outlier == 1].mean() - score[outlier == 0].mean())

    first, before = None, gap()
    for _ in range(14):
        loss, terms = total_loss(model.train(), model(image), batch, LossConfig(outlier=0.0, prototypes=0.0))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        first = first or terms[variant]
    assert terms[variant] < first
    if variant != "confidence":  # it never sees an outlier
        assert gap() > before
