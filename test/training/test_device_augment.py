"""Crops made on the device follow the recipe of those made with OpenCV: compared with it, and with OpenCV itself."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.stats import ks_2samp

torch = pytest.importorskip("torch", reason="torch is not installed: training is not tested")

from training.street import write_street  # noqa: E402

from fishy_ros.errors import ConfigError  # noqa: E402
from fishy_ros.training.augment import AugmentConfig, change_photometry, random_crop  # noqa: E402
from fishy_ros.training.config import load_train_config  # noqa: E402
from fishy_ros.training.crops import CropStream  # noqa: E402
from fishy_ros.training.device_augment import photometry  # noqa: E402
from fishy_ros.training.device_augment.compression import compress  # noqa: E402
from fishy_ros.training.device_augment.device_images import DeviceImages, Scenes  # noqa: E402
from fishy_ros.training.device_augment.ground import paste_ground_patches, paste_markings  # noqa: E402
from fishy_ros.training.device_augment.mip_bank import MipBank  # noqa: E402
from fishy_ros.training.device_augment.objects import ObjectAtlas, draw_objects, paste_objects  # noqa: E402
from fishy_ros.training.device_augment.operations import blur, grid  # noqa: E402
from fishy_ros.training.device_augment.stream import DeviceCrops, makes_crops_on_device  # noqa: E402
from fishy_ros.training.object_bank import ObjectBank, load_object_bank  # noqa: E402
from fishy_ros.training.object_crops import ObjectCrop  # noqa: E402
from fishy_ros.training.paste import PasteConfig, Scene, populate  # noqa: E402

CPU = torch.device("cpu")
H, W, HORIZON, ROAD, SKY, CAR = 96, 192, 24, 0, 10, 13


def block(brightness=240, train_id=None):
    return ObjectCrop(np.full((60, 40, 3), brightness, np.uint8), np.ones((60, 40), np.float32), train_id)


def atlas(thing, distractor=None):
    return ObjectAtlas([[thing]], [thing], [[distractor]] if distractor else [], 64, CPU)


def streets(count, brightness=150.0):
    labels = torch.full((count, H, W), SKY, dtype=torch.uint8)
    labels[:, HORIZON:] = ROAD
    return Scenes(
        torch.full((count, 3, H, W), brightness),
        labels,
        torch.zeros_like(labels),
        torch.full_like(labels, 255),
        np.full(count, float(HORIZON)),
        np.zeros(count),
    )


def pasted(count, bank, outlier=True, anywhere=0.0, brightness=150.0, seed=0, **changes):
    """Paste one object into each of some streets; `changes` replace what was drawn."""
    scenes, rng = streets(count, brightness), np.random.default_rng(seed)
    draw = draw_objects(np.arange(count), np.full(count, outlier), scenes, bank, anywhere, 0.0, rng)
    paste_objects(scenes, bank, dataclasses.replace(draw, **changes), torch.Generator().manual_seed(seed))
    return scenes


def test_targets_are_where_more_than_half_of_a_pixel_is_object():
    count = 40
    plain = {
        "pull": np.zeros(count),
        "gain": np.ones(count),
        "tint": np.zeros((3, count)),
        "color_sigma": np.zeros(count),
        "shadow": np.zeros((4, count)),
    }
    scenes = pasted(count, atlas(block(200)), brightness=0.0, **plain)
    share = scenes.image[:, 0] / 200
    certain = (share - 0.5).abs() > 0.01
    assert ((share > 0.5) == (scenes.outlier == 1))[certain].all()
    assert ((share > 0.13) & (share < 0.49) <= (scenes.outlier == 255)).all()
    assert (scenes.labels[scenes.outlier == 1] == 255).all()
    assert (scenes.outlier[share < 0.11] == 0).all()
    assert (scenes.outlier == 1).flatten(1).any(dim=1).float().mean() > 0.9


def test_distractors_keep_their_class_at_half_weight_and_are_normal():
    scenes = pasted(30, atlas(block(), block(240, CAR)), outlier=False)
    car = scenes.labels == CAR
    assert car.sum() > 500
    assert not scenes.outlier.any()
    assert (scenes.confidence[car] == 127).all()
    assert (scenes.confidence[~car] == 255).all()


def test_shadows_darken_the_ground_around_feet_and_nothing_else():
    dark = np.stack([np.full(60, 0.5), np.full(60, 0.8), np.full(60, 0.3), np.zeros(60)])
    for anywhere, least, most in ((0.0, 0.8, 1.0), (1.0, 0.0, 0.0)):
        scenes = pasted(60, atlas(block(250)), anywhere=anywhere, brightness=200.0, shadow=dark)
        away = ~cv2_dilate(scenes.outlier != 0)
        darker = ((scenes.image[:, 1] < 190) & away).flatten(1).sum(dim=1)
        large = (scenes.outlier == 1).flatten(1).sum(dim=1) > 150
        assert large.sum() > 5
        assert least <= (darker[large] > 5).float().mean() <= most
        assert not (scenes.image[:, 1] > 200.1)[away].any()


def cv2_dilate(mask):
    grown = [cv2.dilate(part.numpy().astype(np.uint8), np.ones((7, 7))) for part in mask]
    return torch.from_numpy(np.stack(grown)) > 0


def heights_and_feet(outliers):
    found = []
    for outlier in outliers:
        rows = np.flatnonzero((outlier == 1).any(axis=1))
        if rows.size and rows[-1] < H - 2:
            found.append((rows[-1] - rows[0] + 1, rows[-1] + 1 - HORIZON, (outlier == 1).sum()))
    return np.array(found, float).T


def test_sizes_and_places_are_distributed_as_with_opencv():
    config = PasteConfig(outliers=1e-6, distractors=0, ground_patches=0, markings=0, anywhere=0.0, procedural=0.0)
    bank, scenes = ObjectBank([[block()]], [], []), []
    for seed in range(400):
        labels = np.full((H, W), SKY, np.uint8)
        labels[HORIZON:] = ROAD
        image = np.full((H, W, 3), 150, np.uint8)
        scene = Scene(image, labels, np.full_like(labels, 255), HORIZON, np.zeros_like(labels))
        populate(scene, bank, config, np.random.default_rng(seed))
        scenes.append(scene.outlier)
    with_opencv = heights_and_feet(scenes)
    on_device = heights_and_feet(pasted(400, atlas(block())).outlier.numpy())
    for expected, found in zip(with_opencv, on_device, strict=True):
        assert ks_2samp(expected, found).pvalue > 0.001
        assert np.median(found) == pytest.approx(np.median(expected), rel=0.35)


def test_ground_patches_and_markings_stay_on_the_ground_and_change_no_label():
    rng, generator = np.random.default_rng(1), torch.Generator().manual_seed(1)
    grains = MipBank([rng.integers(0, 255, (48, 48, 1), np.uint8)], 64, CPU)
    for paste in (
        lambda scenes: paste_ground_patches(scenes, np.arange(24), grains, rng, generator),
        lambda scenes: paste_markings(scenes, np.arange(24), rng, generator),
    ):
        scenes = streets(24, 120.0)
        paste(scenes)
        changed = (scenes.image - 120).abs().amax(dim=1) > 0.01
        assert changed.flatten(1).any(dim=1).float().mean() > 0.7
        assert not changed[scenes.labels != ROAD].any()
        assert torch.equal(scenes.labels, streets(24).labels)
        assert not scenes.outlier.any()
    painted = scenes.image[:, 2][changed]
    assert (painted >= 119.9).all(), "paint is lighter than this road"


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return load_train_config(write_street(tmp_path_factory.mktemp("street"), count=4))


def test_a_region_is_cut_as_with_opencv(config):
    sources = config.open_sources()
    augment = AugmentConfig(64, 128, reference_width=192, scale=(0.6, 1.6), softness=0.3)
    images = DeviceImages(sources, CPU)
    for seed in range(12):
        found = images.draw(1, augment, np.random.default_rng(seed))
        rng = np.random.default_rng(seed)
        rng.choice(1, size=1, p=[1.0])
        expected = random_crop(sources[0].load(int(rng.integers(4))), augment, rng)
        assert (found.labels[0].numpy() == expected.labels).mean() > 0.995
        assert (found.horizon[0], found.softness[0]) == (expected.horizon, expected.softness)
        difference = found.image[0].permute(1, 2, 0).numpy() - expected.image
        assert abs(difference.mean()) < 0.6
        assert np.abs(difference).mean() < 4.0, "the street is full of noise, which the two smooth differently"


def test_the_same_seed_makes_the_same_crops_and_another_one_others(config):
    sources, bank = config.open_sources(), load_object_bank(Path(config.data), config.bank, config.cache_folder)
    augment = dataclasses.replace(config.augment, height=64, width=128)

    def first(seed):
        crops = DeviceCrops(sources, bank, config.paste, CPU, 1, object_side=64, procedural_objects=8)
        stream = crops.batches(augment, 3, seed)
        return [next(stream) for _ in range(2)]

    one, same, other = first(5), first(5), first(6)
    for batch, again in zip(one, same, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(batch, again, strict=True))
    assert not torch.equal(one[0].image, other[0].image)
    reference = next(iter(CropStream(sources, bank, augment, config.paste, 1)))
    for made, expected in zip(one[0], reference, strict=True):
        assert made.dtype == expected.dtype
        assert made.shape[1:] == expected.shape


def test_blurring_equals_opencv():
    rng = np.random.default_rng(0)
    pictures = rng.uniform(0, 255, (3, 2, 40, 50)).astype(np.float32)
    sigmas = np.array([0.0, 0.8, 1.7])
    found = blur(torch.from_numpy(pictures), sigmas).numpy()
    np.testing.assert_allclose(found[0], pictures[0], atol=1e-3)
    for index in (1, 2):
        for channel in (0, 1):
            expected = cv2.GaussianBlur(pictures[index, channel], (0, 0), sigmas[index])
            np.testing.assert_allclose(found[index, channel], expected, atol=1.0)


def street_picture(height=128, width=192):
    rng = np.random.default_rng(4)
    coarse = rng.uniform(0, 255, (8, 12, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + rng.normal(0, 8, smooth.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("quality", [25, 50, 90])
def test_compression_leaves_what_jpeg_leaves(quality):
    picture = street_picture()
    packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    expected = cv2.imdecode(packed, cv2.IMREAD_COLOR).astype(np.float32)
    batch = torch.from_numpy(picture.transpose(2, 0, 1).astype(np.float32))[None]
    found = compress(batch, np.array([quality]))[0].permute(1, 2, 0).numpy()
    lost = np.abs(expected - picture).mean()
    assert np.abs(found - expected).mean() < 0.35 * lost
    assert np.abs(found - picture).mean() == pytest.approx(lost, rel=0.1)


def test_photometry_is_distributed_as_with_opencv_and_off_at_probability_zero():
    picture = street_picture(64, 96)
    batch = torch.from_numpy(picture.transpose(2, 0, 1).astype(np.float32))[None].repeat(300, 1, 1, 1)
    generator = torch.Generator().manual_seed(0)
    unchanged = photometry.change_photometry(batch[:2].clone(), 0.0, np.random.default_rng(0), generator)
    np.testing.assert_array_equal(unchanged[0].permute(1, 2, 0).numpy(), picture)
    found = photometry.change_photometry(batch.clone(), 1.0, np.random.default_rng(0), generator).numpy()
    rng = np.random.default_rng(1)
    expected = np.stack([change_photometry(picture, 1.0, rng).transpose(2, 0, 1) for _ in range(300)])
    for measure in (np.mean, np.std, fine_structure, lambda p: p[2].mean() - p[0].mean()):
        ours, theirs = ([float(measure(p.astype(float))) for p in pictures] for pictures in (found, expected))
        assert ks_2samp(ours, theirs).pvalue > 0.001


def fine_structure(picture):
    return np.abs(np.diff(picture, axis=2)).mean()


@pytest.mark.parametrize("shrink", [1, 3, 6])
def test_objects_are_shrunk_without_aliasing(shrink):
    picture = street_picture(60, 48)
    bank = MipBank([picture], 64, CPU)
    height, width = 60 // shrink, 48 // shrink
    rows, columns = grid(height, width, CPU)
    x, y = (columns * shrink).expand(1, height, width), (rows * shrink).expand(1, height, width)
    size, texels = torch.tensor([[48.0], [60.0]]), torch.tensor([float(shrink)])
    found = bank.sample(torch.tensor([0]), x, y, size, texels)[0].permute(1, 2, 0).numpy()
    expected = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    assert shrink > 1 or np.abs(found - expected).mean() < 0.01
    aliased = np.abs(picture[shrink // 2 :: shrink, shrink // 2 :: shrink][:height, :width].astype(float) - expected)
    assert shrink == 1 or np.abs(found - expected).mean() < 0.5 * aliased.mean()


def test_crops_are_made_on_the_device_where_the_configuration_says_so(config):
    sources = config.open_sources()
    assert makes_crops_on_device("always", CPU, sources)
    assert not makes_crops_on_device("auto", CPU, sources)
    assert not makes_crops_on_device("never", CPU, sources)
    with pytest.raises(ConfigError, match="device_augment 'yes' is unknown"):
        makes_crops_on_device("yes", CPU, sources)


def test_a_run_trains_with_crops_of_the_device(config, tmp_path, monkeypatch):
    from fishy_ros.training import loop

    monkeypatch.setattr(loop, "DeviceCrops", lambda *a: DeviceCrops(*a, object_side=64, procedural_objects=8))
    quiet = dataclasses.replace(config.validation, every=0)
    trainer = loop.Trainer(dataclasses.replace(config, device_augment="always", validation=quiet), tmp_path, "cpu")
    losses = []
    trainer.run(lambda epoch, total, terms: losses.append(float(terms["outlier"])))
    assert len(losses) == 4
    assert np.isfinite(losses).all()
    assert (tmp_path / "weights.safetensors").exists()
