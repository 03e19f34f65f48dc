/*
 * Names of Python that FOBS writes. Source: `nvflare/fuel/utils/fobs/fobs.py`, `decomposers/core_decomposers.py` and
 * `nvflare/app_common/decomposers/numpy_decomposers.py`, `nvflare/app_opt/pt/decomposers.py`.
 */

/** The keys of a map that stands for a Python object. */
export const FOBS_TYPE = '__fobs_type__';
export const FOBS_DATA = '__fobs_data__';
export const FOBS_DECOMPOSER = '__fobs_dc__';

/** The Python classes that have a form of their own in JavaScript. */
export const PyType = {
  TUPLE: 'tuple',
  SET: 'set',
  ORDERED_DICT: 'collections.OrderedDict',
  DATETIME: 'datetime.datetime',
  DATUM_REF: 'nvflare.fuel.utils.fobs.datum.DatumRef',
  NDARRAY: 'numpy.ndarray',
  TENSOR: 'torch.Tensor',
} as const;

const CORE = 'nvflare.fuel.utils.fobs.decomposers.core_decomposers';

/** The module of the decomposers of whole kinds of classes. */
export const DECOMPOSERS = 'nvflare.fuel.utils.fobs.decomposer';

/** The decomposers that Python needs for them. */
export const DECOMPOSER: Readonly<Record<string, string>> = {
  [PyType.TUPLE]: `${CORE}.TupleDecomposer`,
  [PyType.SET]: `${CORE}.SetDecomposer`,
  [PyType.ORDERED_DICT]: `${CORE}.OrderedDictDecomposer`,
  [PyType.DATETIME]: `${CORE}.DatetimeDecomposer`,
  [PyType.NDARRAY]: 'nvflare.app_common.decomposers.numpy_decomposers.NumpyArrayDecomposer',
  [PyType.TENSOR]: 'nvflare.app_opt.pt.decomposers.TensorDecomposer',
  [PyType.DATUM_REF]: `${DECOMPOSERS}.DataClassDecomposer`,
};
