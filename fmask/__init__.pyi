from fmask.data.dataset import Dataset as Dataset
from fmask.data.dataset import read_dataset as read_dataset
from fmask.inference.load import load as load
from fmask.inference.predictor import Predictor as Predictor
from fmask.model.config import ModelConfig as ModelConfig
from fmask.model.mask_rcnn import MaskRCNN as MaskRCNN
from fmask.structures.detections import Detections as Detections
from fmask.training.train import train as train
from fmask.utils.errors import UserError as UserError

__all__: list[str]
__version__: str
