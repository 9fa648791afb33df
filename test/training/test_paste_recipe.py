"""How pasted objects look and where they stand: each property that a network could otherwise give the paste away by."""

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the training layer is not tested")

from fishy_ros.training.object_crops import ObjectCrop  # noqa: E402
from fishy_ros.training.paste import ObjectBank, PasteConfig, Scene, paste_ground_patch, paste_marking, populate  # noqa: E402

H, W, HORIZON, ROAD, CAR = 160, 320, 40, 0, 13
ONE_OUTLIER = {"outliers": 1e-6, "distractors": 0.0, "ground_patches": 0.0, "markings": 0.0, "procedural": 0.0}
"""Every crop gets at least one, so this is exactly one photographed object."""
GROUNDED = PasteConfig(**ONE_OUTLIER, anywhere=0.0)
DISTRACTORS = PasteConfig(outliers=0.0, distractors=2.0, ground_patches=0.0, markings=0.0, anywhere=0.0)
SEEDS = range(80)


def street(brightness=150):
    labels = np.full((H, W), 10, np.uint8)
    labels[HORIZON:] = ROAD
    image = np.full((H, W, 3), brightness, np.uint8)
    return Scene(
        image=image,
        labels=labels,
        confidence=np.full((H, W), 255, np.uint8),
        horizon=float(HORIZON),
        outlier=np.zeros((H, W), np.uint8),
    )


def block(colors, train_id=None):
    """An object of columns of these grey values, 60 px high and wide."""
    row = np.repeat(np.uint8(colors), 60 // len(colors))
    return ObjectCrop(np.tile(row[None, :, None], (60, 1, 3)), np.ones((60, 60), np.float32), train_id)


def populated(config, crop, brightness=150, seeds=SEEDS):
    bank = ObjectBank([[crop]], [[crop]], [])
    for seed in seeds:
        scene = street(brightness)
        populate(scene, bank, config, np.random.default_rng(seed))
        yield scene


def core(mask, size=3):
    """Return the inside of a mask, away from its soft edge."""
    return cv2.erode(mask.astype(np.uint8), np.ones((2 * size + 1,) * 2)) > 0


def test_colors_of_an_object_are_pulled_towards_its_surroundings_by_a_varying_share():
    kept = []
    for scene in populated(GROUNDED, block([250]), brightness=100):
        inside = core(scene.outlier == 1)
        if inside.any():
            kept.append((scene.image[inside].mean() - 100) / (250 - 100))
    assert len(kept) > 20
    assert 0.3 < np.mean(kept) < 0.85
    assert np.std(kept) > 0.12


def test_contrast_of_an_object_is_pulled_towards_that_of_flat_surroundings():
    kept = []
    for scene in populated(GROUNDED, block([90, 210]), brightness=150):
        inside = core(scene.outlier == 1)
        if inside.sum() > 200:
            kept.append(scene.image[inside][:, 1].std() / 60)
    assert len(kept) > 10
    assert 0.3 < np.mean(kept) < 0.88


def test_contrast_of_an_object_grows_by_two_fifths_at_most_where_the_street_is_rough():
    spread = []
    for seed in SEEDS:
        scene = street()
        scene.image[:] = np.where(np.arange(W)[None, :, None] // 4 % 2, 40, 220)
        populate(scene, ObjectBank([[block([120, 150])]], [[]], []), GROUNDED, np.random.default_rng(seed))
        inside = core(scene.outlier == 1)
        if inside.sum() > 200:
            spread.append(scene.image[inside][:, 1].std() / 15)
    assert len(spread) > 10
    assert max(spread) < 1.4 * 1.2 * 1.1, "1.2 is the most that the light of the object grows by"
    assert max(spread) > 1.1


def darkened(scene, brightness):
    """Count the road pixels away from any object that are clearly darker than before."""
    near = cv2.dilate((scene.outlier != 0).astype(np.uint8), np.ones((7, 7))) > 0
    return int(((scene.image[..., 1] < brightness - 8) & ~near & (scene.labels == ROAD)).sum())


def test_most_objects_on_the_ground_cast_a_shadow_and_those_in_the_air_do_not():
    anywhere = PasteConfig(**ONE_OUTLIER, anywhere=1.0)
    large = [scene for scene in populated(GROUNDED, block([230]), 200) if (scene.outlier == 1).sum() > 200]
    assert len(large) > 10
    assert np.mean([darkened(scene, 200) > 10 for scene in large]) > 0.5
    assert not any(darkened(scene, 200) for scene in populated(anywhere, block([230]), 200))


def test_feet_are_spread_over_the_logarithm_of_the_distance_to_the_horizon():
    """Spread evenly over the rows, half of them would stand more than 60 px below the horizon of this street."""
    feet = []
    for scene in populated(GROUNDED, block([250]), seeds=range(120)):
        rows = np.flatnonzero((scene.outlier == 1).any(axis=1))
        if rows.size:
            feet.append(rows[-1] + 1 - HORIZON)
    assert len(feet) > 90
    expected = np.sqrt(6 * (H - HORIZON))  # the median of a log-uniform distribution
    assert 0.6 * expected < np.median(feet) < 1.6 * expected


def test_objects_near_the_horizon_are_smaller():
    heights, feet = [], []
    for scene in populated(GROUNDED, block([250]), seeds=range(120)):
        rows = np.flatnonzero((scene.outlier == 1).any(axis=1))
        if rows.size and rows[-1] < H - 2:
            heights.append(np.ptp(rows) + 1)
            feet.append(rows[-1] + 1 - HORIZON)
    share = np.array(heights) / np.array(feet)
    assert share.max() < 1.0, "a share of the camera's height above the ground"
    far = np.array(feet) < np.median(feet)
    assert np.mean(np.array(heights)[far]) < 0.6 * np.mean(np.array(heights)[~far])


def test_the_soft_edge_of_an_outlier_is_ignored_and_that_of_a_distractor_is_normal():
    edges = 0
    for scene in populated(GROUNDED, block([250])):
        ring = cv2.dilate((scene.outlier == 1).astype(np.uint8), np.ones((5, 5))) > 0
        edges += int((scene.outlier[ring] == 255).sum())
        assert not (scene.outlier[~ring] == 255).any()
    assert edges > 20 * len(SEEDS)
    for scene in populated(DISTRACTORS, block([250], CAR)):
        assert not scene.outlier.any()


def test_labels_of_distractors_are_trusted_by_half():
    found = 0
    for scene in populated(DISTRACTORS, block([250], CAR)):
        distractor = scene.labels == CAR
        found += int(distractor.sum())
        assert (scene.confidence[distractor] == 127).all()
        assert (scene.confidence[scene.labels == ROAD] == 255).all()
    assert found > 0


def fill_of(mask):
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return mask.sum() / ((np.ptp(rows) + 1) * (np.ptp(columns) + 1))


def test_about_half_of_the_outliers_are_turned_and_no_distractor_is():
    turned = []
    for scene in populated(GROUNDED, block([250]), seeds=range(120)):
        mask = scene.outlier == 1
        touches_rim = mask[:, [0, -1]].any() or mask[-1].any()
        if mask.sum() > 400 and not touches_rim:
            turned.append(fill_of(mask) < 0.93)
    assert len(turned) > 15
    assert 0.15 < np.mean(turned) < 0.75
    one_distractor = PasteConfig(outliers=0.0, distractors=0.3, ground_patches=0.0, markings=0.0)
    fills = []
    for scene in populated(one_distractor, block([250], CAR), seeds=range(120)):
        count, _, stats, _ = cv2.connectedComponentsWithStats((scene.labels == CAR).astype(np.uint8))
        if count == 2 and stats[1, cv2.CC_STAT_AREA] > 400:
            fills.append(fill_of(scene.labels == CAR))
    assert len(fills) > 5
    assert np.median(fills) > 0.97


def test_objects_are_mirrored_half_of_the_time():
    mirrored = []
    for scene in populated(GROUNDED, block([40, 240])):
        mask = core(scene.outlier == 1, 1)
        columns = np.flatnonzero(mask.any(axis=0))
        if columns.size > 8:
            middle = (columns[0] + columns[-1]) // 2
            left, right = mask.copy(), mask.copy()
            left[:, middle:] = right[:, :middle] = False
            mirrored.append(scene.image[left].mean() > scene.image[right].mean())
    assert len(mirrored) > 20
    assert 0.3 < np.mean(mirrored) < 0.7


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0.0, 0.0), (0.5, 0.3, 0.7), (1.0, 1.0, 1.0)])
def test_the_given_share_of_outliers_is_procedural(share, least, most):
    """The photographed object is a frame around nothing; what is drawn has a middle."""
    alpha = np.ones((60, 60), np.float32)
    alpha[12:-12, 12:-12] = 0
    frame = ObjectCrop(np.full((60, 60, 3), 250, np.uint8), alpha)
    config = PasteConfig(**{**ONE_OUTLIER, "procedural": share}, anywhere=1.0)
    has_middle = []
    for scene in populated(config, frame, seeds=range(100)):
        rows, columns = np.nonzero(scene.outlier == 1)
        touches_rim = rows.size == 0 or {0, H - 1} & {*rows} or {0, W - 1} & {*columns}
        if not touches_rim and np.ptp(rows) > 15:
            middle = (rows.min() + rows.max()) // 2, (columns.min() + columns.max()) // 2
            has_middle.append(scene.outlier[middle] == 1)
    assert len(has_middle) > 15
    assert least <= np.mean(has_middle) <= most


def test_markings_are_light_paint_on_the_road_only():
    found = []
    for seed in range(40):
        scene = street(100)
        paste_marking(scene, np.random.default_rng(seed))
        blue, green, red = np.moveaxis(scene.image.astype(int), 2, 0)
        painted = (scene.image != 100).any(axis=2)
        assert not (painted & (scene.labels != ROAD)).any()
        assert (green >= 100).all()
        assert (red >= 100).all()
        assert (scene.outlier == 0).all()
        np.testing.assert_array_equal(scene.labels, street().labels)
        if painted.sum() > 60:
            brightest = red >= np.quantile(red[painted], 0.8)
            found.append(
                (red[brightest].mean(), red[brightest].mean() - blue[brightest].mean(), green[brightest].mean())
            )
    red, excess, _ = np.array(found).T
    assert len(found) > 8
    assert np.median(red) > 140, "paint is light even where it is worn"
    assert red.min() < 215, "and not always white: what is worn lets the road through"
    assert 0 < np.mean(excess > 30) < 0.6, "some lines are yellow, most are white"


def test_patches_of_ground_become_darker_or_lighter_and_stay_flat_on_the_ground():
    darker = lighter = 0
    for seed in range(60):
        scene = street(120)
        scene.labels[:, : W // 2 - 30] = scene.labels[:, W // 2 + 30 :] = CAR
        paste_ground_patch(scene, [], np.random.default_rng(seed))
        changed = scene.image.astype(int) - 120
        assert not changed[scene.labels != ROAD].any()
        assert (scene.outlier == 0).all()
        darker += changed.mean(axis=2).min() < -15
        lighter += changed.mean(axis=2).max() > 15
    assert darker > 12
    assert lighter > 12


def test_the_grain_of_a_patch_has_no_light_of_its_own():
    """The grain of a photograph of one color is nothing, so that patches with grain leave the road as it is."""
    plain = np.full((64, 64, 3), 180, np.uint8)
    changes = []
    for seed in range(200):
        scene = street(120)
        paste_ground_patch(scene, [plain], np.random.default_rng(seed))
        changes.append(np.abs(scene.image.astype(int) - 120).max())
    assert 0.12 < np.mean(np.array(changes) <= 1) < 0.5


def test_a_turned_object_is_whole():
    """A turned square looks the same upside down; one that was cut off does not."""
    turned = 0
    for scene in populated(GROUNDED, block([250]), seeds=range(160)):
        mask = scene.outlier == 1
        touches_rim = mask[:, [0, -1]].any() or mask[[0, -1]].any()
        if mask.sum() > 300 and not touches_rim and fill_of(mask) < 0.93:
            turned += 1
            rows, columns = np.nonzero(mask)
            cut = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
            assert (cut == cut[::-1, ::-1]).mean() > 0.9
            assert fill_of(mask) > 0.5
    assert turned > 5
