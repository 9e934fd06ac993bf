import tensorflow as tf

from components.distributed.backup import Backup, newest


class Model(tf.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.weights = tf.Variable([value, value])


def test_the_newest_state_comes_back_with_its_notes(tmp_path):
    backup = Backup(str(tmp_path))
    assert backup.notes() is None
    for epoch in (5, 10, 15):
        backup.save(Model(epoch / 10), {"stage": "train", "epoch": epoch})
    restored = Model(0.0)
    backup.restore(restored)
    assert restored.weights.numpy().tolist() == [1.5, 1.5]
    assert backup.notes() == {"stage": "train", "epoch": 15}


def test_another_process_sees_it_and_goes_on_numbering(tmp_path):
    Backup(str(tmp_path)).save(Model(1.0), {"epoch": 1})
    first = newest(str(tmp_path))
    Backup(str(tmp_path)).save(Model(2.0), {"epoch": 2})
    assert newest(str(tmp_path)) != first
    assert Backup(str(tmp_path)).notes() == {"epoch": 2}


def test_a_state_that_was_being_written_is_not_seen(tmp_path):
    backup = Backup(str(tmp_path))
    backup.save(Model(1.0), {"epoch": 1})
    # What a process killed in the middle of its second state leaves.
    (tmp_path / "ckpt-2.data-00000-of-00001").write_bytes(b"half")
    assert Backup(str(tmp_path)).notes() == {"epoch": 1}
    backup.save(Model(3.0), {"epoch": 3})
    assert Backup(str(tmp_path)).notes() == {"epoch": 3}


def test_only_the_chief_writes(tmp_path):
    Backup(str(tmp_path), writes=False).save(Model(1.0), {"epoch": 1})
    assert newest(str(tmp_path)) is None


def test_without_a_folder_nothing_is_kept():
    backup = Backup()
    backup.save(Model(1.0), {"epoch": 1})
    assert backup.notes() is None
