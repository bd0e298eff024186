"""Digests of arrays and sparse matrices."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse

from tuneplug_sklearn.storing import contents
from tuneplug_sklearn.storing.contents import array_digest, sparse_digest

RNG = np.random.default_rng(0)
DTYPES = ["bool", "int8", "uint16", "int64", "float16", "float32", "float64", "longdouble"]
DTYPES += ["complex64", "clongdouble", "datetime64[s]", "timedelta64[ns]", "U5", "S3"]


def digest(array):
    return array_digest(array, lambda element: repr(element).encode())


def layouts(array):
    """Return views and copies with the same elements and other memory."""
    spread = np.empty(tuple(3 * n for n in array.shape), dtype=array.dtype)
    spread[tuple(slice(None, None, 3) for _ in array.shape)] = array
    reverse = tuple(slice(None, None, -1) for _ in array.shape)
    return {
        "C": np.ascontiguousarray(array),
        "F": np.asfortranarray(array),
        "strided": spread[tuple(slice(None, None, 3) for _ in array.shape)],
        "reversed": np.ascontiguousarray(array[reverse])[reverse],
        "big-endian": array.astype(array.dtype.newbyteorder(">")),
        "read-only": np.frombuffer(array.tobytes(), dtype=array.dtype).reshape(array.shape),
    }


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(0,), (7,), (5, 3), (1, 9), (2, 3, 4), (3, 0)])
def test_digest_is_the_same_for_each_memory_order_and_byte_order(dtype, shape):
    array = RNG.integers(0, 100, shape).astype(dtype)
    assert {name: digest(a) for name, a in layouts(array).items()} == dict.fromkeys(
        layouts(array), digest(array)
    )


@pytest.mark.parametrize("shape", [(40, 3), (3, 40), (120,), (5, 4, 6)])
def test_digest_of_several_tiles_is_the_same_for_each_memory_order(monkeypatch, shape):
    monkeypatch.setattr(contents, "TILE", 10)
    array = RNG.standard_normal(shape)
    assert {digest(a) for a in layouts(array).values()} == {digest(array)}
    array[tuple(n - 1 for n in shape)] += 1.0
    changed = digest(array)
    array[tuple(n - 1 for n in shape)] -= 1.0
    assert changed != digest(array)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_digest_differs_if_and_only_if_an_element_differs(data):
    elements = st.integers(-3, 3)
    shape = data.draw(arrays.array_shapes(max_dims=3, max_side=5))
    first = data.draw(arrays.arrays(np.int64, shape, elements=elements))
    second = data.draw(arrays.arrays(np.int64, shape, elements=elements))
    assert (digest(first) == digest(second)) == np.array_equal(first, second)


@pytest.mark.parametrize("dtype", [*DTYPES, "object"])
def test_array_without_dimensions_is_not_an_array_of_one_element(dtype):
    zero, one = np.array(0).astype(dtype), np.array(1).astype(dtype)
    assert len({digest(a) for a in (zero, one, zero.reshape(1))}) == 3


@pytest.mark.parametrize("order", ["C", "F"])
def test_array_is_hashed_without_a_copy_of_it(order):
    array = np.zeros((300_000, 20), order=order)
    tracemalloc.start()
    digest(array)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < array.nbytes / 10


@pytest.mark.parametrize("other", [["a", "bc"], ["abc", ""], ["ab", b"c"], ["ab", None]])
def test_texts_are_told_apart(other):
    first, second = np.array(["ab", "c"], dtype=object), np.array(other, dtype=object)
    assert digest(first) == digest(first.copy())
    assert digest(first) != digest(second)


def test_shape_and_data_type_count():
    array = np.arange(12)
    others = [array.reshape(3, 4), array.reshape(4, 3), array.astype(np.int32), array.astype(float)]
    assert len({digest(a) for a in [array, *others]}) == 5


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", "complex128"])
def test_nan_equals_nan_and_zero_equals_negative_zero(dtype):
    array = np.array([1.0, np.nan, 0.0, np.inf], dtype=dtype)
    other = np.array([1.0, -np.nan, -0.0, np.inf], dtype=dtype)
    assert digest(array) == digest(other)
    assert digest(array) != digest(np.array([1.0, 0.0, np.nan, np.inf], dtype=dtype))
    assert digest(array) != digest(np.array([1.0, np.nan, 0.0, -np.inf], dtype=dtype))


def test_bits_of_nan_do_not_count():
    bits = np.array([0x7FF8000000000000, 0xFFF8000000000001, 0x7FF0000000000001], dtype=np.uint64)
    assert len({digest(bits[i : i + 1].view(np.float64)) for i in range(3)}) == 1


def test_last_digit_of_a_long_double_counts():
    one = np.ones(2, dtype=np.longdouble)
    assert digest(one) != digest(np.nextafter(one, 2 * one))


def test_arrays_are_not_changed():
    array = np.array([-0.0, np.nan, 1.0])
    before = array.tobytes()
    digest(array)
    assert array.tobytes() == before


def test_structured_array_is_compared_by_its_fields_without_padding():
    dtype = np.dtype([("a", "i1"), ("b", "f8", (2,))], align=True)
    first = np.frombuffer(b"\x01" + b"\xaa" * 7 + np.ones(2).tobytes(), dtype=dtype)
    second = np.frombuffer(b"\x01" + b"\xbb" * 7 + np.ones(2).tobytes(), dtype=dtype)
    assert digest(first) == digest(second)
    changed = second.copy()
    changed["b"][0, 1] = 2.0
    assert digest(changed) != digest(first)


def test_masked_elements_do_not_count_but_the_mask_does():
    first = np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False])
    second = np.ma.array([1.0, 9.0, 3.0], mask=[False, True, False])
    third = np.ma.array([1.0, 0.0, 3.0], mask=[False, False, False])
    assert digest(first) == digest(second)
    assert len({digest(a) for a in (first, third, third.data)}) == 3


def sparse_digest_of(matrix):
    return sparse_digest(matrix, lambda element: repr(element).encode())


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dok", "bsr"])
def test_digest_of_a_sparse_matrix_is_the_same_for_each_format(form):
    dense = RNG.integers(0, 3, (6, 5)).astype(float)
    expected = sparse_digest_of(sparse.csr_array(dense))
    assert sparse_digest_of(sparse.coo_array(dense).asformat(form)) == expected
    assert sparse_digest_of(sparse.coo_matrix(dense).asformat(form)) == expected


def test_duplicates_of_a_sparse_matrix_are_summed_and_the_matrix_is_not_changed():
    split = sparse.csr_array(([3.0, 1.0, 4.0, 2.0], [1, 1, 1, 0], [0, 2, 4]), shape=(2, 2))
    before = split.data.copy(), split.indices.copy()
    expected = sparse.csr_array(np.array([[0.0, 4.0], [2.0, 4.0]]))
    assert sparse_digest_of(split) == sparse_digest_of(expected)
    assert np.array_equal(split.data, before[0])
    assert np.array_equal(split.indices, before[1])


def test_explicit_zeros_and_the_shape_of_a_sparse_matrix_count():
    plain = sparse.csr_array(([1.0], [0], [0, 1]), shape=(1, 3))
    stored_zero = sparse.csr_array(([1.0, 0.0], [0, 1], [0, 2]), shape=(1, 3))
    wider = sparse.csr_array(([1.0], [0], [0, 1]), shape=(1, 4))
    assert len({sparse_digest_of(m) for m in (plain, stored_zero, wider)}) == 3


def test_width_of_the_indices_of_a_sparse_matrix_does_not_count():
    matrix = sparse.csr_array(np.eye(3))
    wide = matrix.copy()
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    assert sparse_digest_of(matrix) == sparse_digest_of(wide)
