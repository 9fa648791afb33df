"""Errors that fishy_ros raises on purpose; each message names what was wrong, what was expected and where."""


class FishyError(Exception):
    """Base of every error that a caller of fishy_ros may want to catch."""


class ConfigError(FishyError):
    """A configuration value is missing, of the wrong type or outside its range."""


class ModelPackageError(FishyError):
    """A model package is incomplete, damaged or does not describe its graph."""


class RuntimeUnavailableError(FishyError):
    """An inference runtime, its device or one of its libraries cannot be used here."""


class CancelledError(FishyError):
    """Something was not finished, because nobody waits for it any more: the process ends, or it was given up."""


class InferenceError(FishyError):
    """A runtime failed on a frame, or returned something that is not a score map."""


class ImageError(FishyError):
    """An image cannot be decoded, or contradicts its own description."""


class DatasetError(FishyError):
    """A dataset folder lacks something, or holds labels outside their mapping."""


class UnreadableFileError(DatasetError):
    """A file of a dataset is missing, cut off or damaged; the frames around it are not affected."""


class BagError(FishyError):
    """A bag cannot be read or written, or lacks the topics asked for."""


class ScoreError(FishyError):
    """Score maps and labels cannot be evaluated together."""


class ReplayError(FishyError):
    """A detector node cannot be started or reached, or stopped answering while frames were played."""


class TrainingError(FishyError):
    """Training data, a checkpoint or a training configuration cannot be used."""


def describe_error(error: Exception) -> str:
    """Return the message of an error, preceded by its kind where it was not raised on purpose."""
    return str(error) if isinstance(error, FishyError) else f"{type(error).__name__}: {error}"
