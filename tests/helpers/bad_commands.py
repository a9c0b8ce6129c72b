"""What `fmask` is asked wrongly, a row each, and the words that the answer must have.

The working directory has a store without runs, `a.png`, `text.jpg` and `text.h5` (texts), `none` (an empty folder),
`runs.csv` (of two runs), and `split` (a folder with an annotated photo).
"""

COMMANDS = [
    ("unknown command", "detct text.h5", "No such command 'detct'. Did you mean 'detect'?"),
    ("nothing to detect in", "detect text.h5", "Missing argument 'inputs"),
    (
        "model that is nowhere",
        "detect nowhere.h5 a.png",
        "nowhere.h5: there is no such weight file; a model is a weight",
    ),
    ("model without a name", "detect '' a.png", "'': there is no such weight file; a model is a weight file"),
    ("model that is a folder", "detect none a.png", "none: there is no such weight file; a model is a weight file"),
    (
        "model that is a text",
        "detect text.h5 a.png",
        "text.h5 is not a network saved by fmask: it is not an HDF5 file (.h5).",
    ),
    ("model of no run", "detect latest a.png", "has no finished training yet."),
    ("model of an unknown run", "detect 0123abcd a.png", "has no run '0123abcd'."),
    ("model that nobody registered", "detect models:/hats/1 a.png", "has no model 'models:/hats/1'"),
    (
        "model with a password",
        "detect https://me:hunter2@host/x.h5 a.png",
        "https://me:***@host/x.h5: there is no such",
    ),
    ("photo that is nowhere", "detect fake nowhere.jpg", "nowhere.jpg: there is no such photo, folder or pattern."),
    ("photo of too long a name", f"detect fake {'x' * 300}", "xxx: File name too long."),
    ("folder without photos", "detect fake none", "none: the folder has no photos; photos end in .bmp, .gif"),
    ("pattern of nothing", "detect fake *.webp", "*.webp: the pattern matches no photo; photos end in"),
    ("photo that is a text", "detect fake text.jpg", "None of 1 photos can be read: text.jpg is not a readable photo"),
    (
        "output nowhere",
        "detect fake a.png -o nowhere/x.csv",
        "nowhere/x.csv cannot be written: there is no folder nowhere.",
    ),
    ("output that is there", "detect fake a.png -o text.h5", "text.h5 already exists; --overwrite replaces it."),
    ("format unknown", "detect fake a.png --format xml", "'xml' is not one of 'csv', 'coco', 'via'"),
    (
        "confidence above one",
        "detect fake a.png --min-confidence 2",
        "--min-confidence must be between 0 and 1, not 2.",
    ),
    ("confidence no number", "detect fake a.png --min-confidence high", "valid number"),
    (
        "ground truth of a table",
        "detect fake a.png --ground-truth x",
        "--ground-truth requires --format coco, not csv.",
    ),
    ("ground truth nowhere", "detect fake a.png --format coco --ground-truth x", "x cannot be read: No such file"),
    (
        "ground truth no COCO",
        "detect fake a.png --format coco --ground-truth runs.csv",
        "runs.csv is not a COCO file with images",
    ),
    (
        "check of nothing",
        "check nowhere",
        "nowhere is not a folder; expected one with photos and via_region_data.json.",
    ),
    (
        "check of a bare folder",
        "check none",
        "none has no via_region_data.json and no other JSON file; expected one VIA",
    ),
    ("anchors of nothing", "anchors none", "none has none of the folders train, val, test."),
    ("anchors of photos of no size", "anchors split --image-size 0", "greater than or equal to 64"),
    (
        "photos from no web",
        "install photos --base-url ftp://me:hunter2@x",
        "--base-url must begin with http:// or https://, not 'ftp://me:***@x'",
    ),
    ("backbone without weights", "install imagenet vgg", "There are no ImageNet weights for vgg, only for resnet50"),
    ("conversion of nothing", "convert nowhere out.json", "nowhere cannot be read: No such file or directory."),
    ("conversion of a photo", "convert a.png out.json", "a.png is not valid JSON: 'utf-8' codec can't decode"),
    ("conversion to nowhere", "convert split nowhere/out.json", "nowhere/out.json cannot be written: there is no"),
    (
        "categories of VIA",
        "convert split out.json --category x=hat",
        "is a VIA file; only the categories of COCO files can be mapped.",
    ),
    (
        "category that is none",
        "convert split out.json --category x=dog",
        "--category must be NAME=CLASS with a class of mask, hat, or NAME= to ignore it, not 'x=dog'.",
    ),
    ("scores of nothing", "evaluate fake nowhere", "nowhere is not a folder; expected one with photos"),
    (
        "scores of one split",
        "evaluate fake split --split val",
        "split is not a data set with splits; remove --split val",
    ),
    ("splash of nothing", "splash fake walk.mp4", "There is no video file walk.mp4."),
    ("splash of a text", "splash fake text.jpg", "text.jpg is not a readable photo: its format is not one of"),
    ("splash of a text as video", "splash fake text.mp4", "text.mp4 is not a readable video: invalid data"),
    ("splash over the input", "splash fake a.png -o a.png", "a.png is an input and is not overwritten; choose another"),
    ("splash to a text", "splash fake a.png -o out.txt", "an output photo must end in one of .bmp, .gif"),
    ("splash of shoes", "splash fake a.png --class shoes", "'shoes' is not one of 'mask', 'hat'"),
    (
        "splash of no score",
        "splash fake a.png --min-confidence nan",
        "--min-confidence must be between 0 and 1, not nan.",
    ),
    ("watch of nothing", "watch fake nowhere.mp4", "'nowhere.mp4' is neither a video file nor a camera number."),
    ("watch of a text", "watch fake text.mp4", "text.mp4 is not a readable video: invalid data"),
    (
        "watch for shoes",
        "watch fake a.png --need shoes",
        "--need may contain mask and hat, not 'shoes'.",
    ),
    ("watch back in time", "watch fake a.png --for -1", "--for must be a number of seconds, 0 or more, not -1."),
    ("export as another", "export text.h5 out.pt", "The name of the output file must end in .onnx, not out.pt."),
    ("export to nowhere", "export text.h5 nowhere/out.onnx", "nowhere/out.onnx cannot be written: there is no folder"),
    (
        "export of no photos",
        "export text.h5 out.onnx --batch 0",
        "--batch must be a whole number from 1 up or dynamic, not '0'.",
    ),
    ("model name with a slash", "register model.h5 a/b", "The model name 'a/b' is invalid"),
    (
        "registered text",
        "register text.h5 hats",
        "text.h5 is not a network saved by fmask: it is not an HDF5 file (.h5).",
    ),
    ("report of no study", "report nothing", "There is no MLflow experiment 'nothing'; existing experiments:"),
    ("report of no run", "report runs:/abc", "has no run 'abc'."),
    (
        "report to nowhere",
        "report latest -o nowhere/x.html",
        "nowhere/x.html cannot be written: there is no folder nowhere.",
    ),
    ("table of no study", "table nothing", "There is no MLflow experiment 'nothing'; existing experiments:"),
    ("table from nowhere", "table --from nowhere.csv", "nowhere.csv cannot be read as a study's runs: No such file"),
    ("table from a photo", "table --from a.png", "a.png cannot be read as a study's runs"),
    (
        "table from a text",
        "table --from text.jpg",
        "text.jpg is not a file of a study's runs: it has no lines with study, run",
    ),
    (
        "table against no row",
        "table --from runs.csv --against 9",
        "The baseline must be a row from 1 to 2, not 9.",
    ),
    ("table of other data", "table --from runs.csv --data other", "has no finished run with test scores on other"),
    (
        "table drawn as a text",
        "table --from runs.csv --figure out.docx",
        "out.docx: the name of a figure must end in one of .",
    ),
    ("table to nowhere", "table --from runs.csv --csv nowhere/x.csv", "nowhere/x.csv cannot be written: No such file"),
]
"""Arguments of the command."""

RUNS = [
    ("status unknown", "FINISHED", "DONE", "has the status 'DONE'; it must be one of RUNNING, FINISHED"),
    ("date that is none", "2026-", "yesterday", "Invalid isoformat string: 'yesterday"),
    ("outcome unknown", "found", "maybe", "'maybe' is not a valid Outcome"),
    ("region that is none", ",0,found", ",first,found", "invalid literal for int() with base 10: 'first'"),
    ("score that is none", ",0.6,", ",nan,", "val_mask_ap50 must be a finite number, not 'nan'"),
    ("a field too many", ",found\n", ",found,x\n", "has a line with a different number of fields than the header"),
]
"""For `fmask table --from`: what is put in the place of what in a file that is right."""

STORES = [
    ("unknown kind", "shelf://me:hunter2@there/x", "MLflow at shelf://me:***@there/x cannot be used"),
    ("no server", "http://me:hunter2@127.0.0.1:9", "MLflow at http://me:***@127.0.0.1:9 cannot be used"),
    (
        "no driver",
        "postgresql://me:hun/ter2@127.0.0.1:9/x",
        "MLflow at postgresql://me:***@127.0.0.1:9/x cannot be used",
    ),
    ("no database", "sqlite:///text.h5", "text.h5 cannot be used (file is not a database): set MLFLOW_TRACKING_URI."),
    ("no place for one", "sqlite:////dev/null/x.db", "There are no runs yet: /dev/null/x.db does not exist."),
]
"""For MLFLOW_TRACKING_URI."""
