"""The settings that studies share."""

from configs import base


def get_config():
    """Batches of 128, SGDM with a learning rate of 0.1 and a cosine schedule. No augmentation, so that the gap between
    training and validation accuracy is the network's own. A fifth of the training images validates, another for each
    seed: everything is chosen by these, and the test split has no part in it.
    """
    config = base.get_config()
    config.task = "study"
    config.model.name = "dnn"
    config.batch_size = 128
    config.dataset.augment = "none"
    config.dataset.validation_fraction = 0.2
    config.tensorboard = False
    return config


def get_search_config():
    """A search for the smallest network: from the smallest sizes up, with three learning rates for each network, and no
    curves, because only the network that is handed over is compressed.
    """
    config = get_config()
    config.study.extent = "knee"
    config.study.reach = 2
    config.study.learning_rates = 3
    config.study.curves = "none"
    return config


def transformer(patch_size: int) -> tuple:
    """The fields of a study's transformers alone: corrected as in configs/vit_s.py and trained with Adam."""
    return (
        ("model.patch_size", patch_size),
        ("model.attention_scale", "head_dim"),
        ("model.position_scale", 0.02),
        ("model.dropout", 0.0),
        ("model.embedding_dropout", 0.0),
        ("optimizer.name", "adam"),
        ("optimizer.learning_rate", 3e-3),
        ("optimizer.weight_decay", 0.05),
        ("optimizer.decoupled", True),
        ("optimizer.clip_norm", 1.0),
        ("optimizer.warmup_epochs", 1.0),
    )
