"""Which tf.distribute strategy a process trains with: TF_CONFIG, then a TPU's name, then the GPUs found."""

from __future__ import annotations

import os

import tensorflow as tf

from components.distributed.cluster import PS, Cluster

TPU = "TPU_NAME"
# A table smaller than this stays on one parameter server, in bytes.
_SMALLEST_SHARD = 256 << 10


def build_strategy(cluster: Cluster | None) -> tf.distribute.Strategy:
    """Return the strategy of this process.

    With a cluster this connects to the other processes and waits for them. The environment variable
    `TPU_NAME` (`local` on a TPU VM) asks for the TPU; several GPUs are used together.
    """
    if cluster is not None:
        return _of_cluster(cluster)
    if os.environ.get(TPU):
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect(tpu=os.environ[TPU])
        return tf.distribute.TPUStrategy(resolver)
    if len(tf.config.list_physical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def _of_cluster(cluster: Cluster) -> tf.distribute.Strategy:
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if not cluster.has_parameter_servers:
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    partitioner = tf.distribute.experimental.partitioners.MinSizePartitioner(
        min_shard_bytes=_SMALLEST_SHARD, max_shards=len(cluster.hosts[PS])
    )
    return tf.distribute.ParameterServerStrategy(resolver, variable_partitioner=partitioner)
