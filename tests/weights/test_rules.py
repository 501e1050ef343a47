import jax
import numpy as np
import pytest

from jaxrelic.errors import UserError
from jaxrelic.weights import apply_rules, left_out, oi_to_io, oihw_to_hwio, same, strip_prefix

RULES = [
    (r"conv(\d)\.weight", r"params/conv_\1/kernel", oihw_to_hwio),
    (r"fc\.weight", r"params/fc/kernel", oi_to_io),
    (r"fc\.bias", r"params/fc/bias", same),
    (r"in_proj", r"params/query", lambda x: x[:2]),
    (r"in_proj", r"params/key", lambda x: x[2:]),
    left_out(r".*num_batches_tracked"),
]


def theirs():
    rng = np.random.default_rng(0)
    return {
        "conv1.weight": rng.normal(size=(4, 3, 2, 5)).astype(np.float32),
        "fc.weight": rng.normal(size=(7, 6)).astype(np.float16),
        "fc.bias": rng.normal(size=7).astype(np.float64),
        "in_proj": np.arange(4, dtype=np.float32),
        "bn.num_batches_tracked": np.array(3),
    }


def ours():
    def empty(*shape):
        return jax.ShapeDtypeStruct(shape, np.float32)

    return {
        "params": {
            "conv_1": {"kernel": empty(2, 5, 3, 4)},
            "fc": {"kernel": empty(6, 7), "bias": empty(7)},
            "query": empty(2),
            "key": empty(2),
        }
    }


def test_every_tensor_finds_its_place_and_layout_in_our_type():
    source, tree = theirs(), apply_rules(theirs(), RULES, ours())
    params = tree["params"]
    assert params["conv_1"]["kernel"][1, 4, 2, 3] == source["conv1.weight"][3, 2, 1, 4]
    np.testing.assert_array_equal(params["fc"]["kernel"], source["fc.weight"].T)
    np.testing.assert_array_equal(params["query"], [0, 1])
    np.testing.assert_array_equal(params["key"], [2, 3])
    assert {leaf.dtype for leaf in jax.tree.leaves(tree)} == {np.dtype(np.float32)}
    assert jax.tree.structure(tree) == jax.tree.structure(ours())


def test_every_misfit_is_in_one_error():
    tensors = theirs()
    tensors["stray"] = np.zeros(1)
    tensors["conv2.weight"] = np.zeros((1, 1, 1, 1))
    tensors["fc.bias"] = np.zeros(8)
    tensors["conv1.weight"] = np.zeros(4)
    del tensors["fc.weight"]
    with pytest.raises(UserError) as error:
        apply_rules(tensors, RULES, ours(), source="model.bin")
    message = str(error.value)
    assert message.startswith("model.bin do not fit this network: ")
    assert "1 theirs that no row names (stray)" in message
    assert "conv2.weight -> params/conv_2/kernel" in message
    assert "fc.bias -> params/fc/bias: shape [8] instead of [7]" in message
    assert "conv1.weight -> params/conv_1/kernel: shape [4] cannot be turned" in message
    assert "1 ours left empty (params/fc/kernel)" in message
    assert "\n" not in message


def test_two_sources_for_one_place_and_names_in_part_are_misfits():
    tensors = {"a": np.zeros(2), "b": np.zeros(2), "aa": np.zeros(2)}
    with pytest.raises(UserError, match=r"place that is taken \(b -> w\)") as error:
        apply_rules(tensors, [("[ab]", "w", same)], {"w": np.zeros(2)})
    assert "no row names (aa)" in str(error.value)


def test_whole_numbers_are_not_filled_with_fractions():
    with pytest.raises(UserError, match="type float32 instead of int32"):
        apply_rules({"a": np.ones(2, np.float32)}, [("a", "w", same)], {"w": np.zeros(2, np.int32)})


def test_long_lists_of_misfits_are_counted_in_full_and_named_in_part():
    tensors = {f"t{i:03}": np.zeros(1) for i in range(50)}
    with pytest.raises(UserError, match=r"50 theirs that no row names .* and 30 more\)"):
        apply_rules(tensors, [], {})


def test_a_prefix_selects_one_network_of_several():
    tensors = {"visual.w": np.zeros(1), "text.w": np.zeros(1)}
    assert list(strip_prefix(tensors, "visual.")) == ["w"]
