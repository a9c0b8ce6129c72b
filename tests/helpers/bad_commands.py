"""Wrong commands, one in a row, each with words that the error message must contain.

The working directory has a store without runs, `a.png`, `text.jpg`, `text.h5` and `text.mp4` (text files), `model.h5`
(metadata of a network), `bare.h5` (an HDF5 file without it), `none` (an empty folder), `runs.csv` (two runs), and
`split` (a folder with an annotated photo).
"""

COMMANDS = [
    ("unknown command", "detct text.h5", "No such command 'detct'. Did you mean 'detect'?"),
    ("no photos to detect in", "detect text.h5", "Missing argument 'inputs"),
    (
        "missing model",
        "detect nowhere.h5 a.png",
        "nowhere.h5: there is no such weight file; a model is a weight",
    ),
    ("model without a name", "detect '' a.png", "'': there is no such weight file; a model is a weight file"),
    ("folder as model", "detect none a.png", "none: there is no such weight file; a model is a weight file"),
    (
        "text file as model",
        "detect text.h5 a.png",
        "text.h5 is not a network saved by fmask: it is not an HDF5 file (.h5).",
    ),
    (
        "setting of a file that contains its settings",
        "detect model.h5 a.png --set recipe=report",
        "model.h5 contains the settings of its network; remove --set recipe=report.",
    ),
    (
        "weights without settings",
        "detect bare.h5 a.png",
        "for a weight file of matterport's code, state the settings of the network, such as `--set recipe=report` or",
    ),
    (
        "setting that is not of the network",
        "detect bare.h5 a.png --set steps=5",
        "--set steps=5: only settings of the network can be stated: recipe, backbone, image_size, antialias,",
    ),
    ("unknown setting of the network", "export bare.h5 x.onnx --set widths.x=5", "unknown key 'widths.x'"),
    ("description of a text file", "show text.h5", "text.h5 is not a network saved by fmask: it is not an HDF5 file"),
    ("description of bare weights", "show bare.h5", "bare.h5 is not a network saved by fmask: it lacks the attribute"),
    ("samples of a wrong setting", "show-batch steps=0", "steps must be between 1 and 1000000, not 0."),
    ("samples of several runs", "show-batch aug=none,blur", "several runs; give one value for each setting."),
    ("samples of a stopped run", "show-batch resume=a", "show-batch does not accept resume=RUN; give the settings of"),
    ("samples as a text file", "show-batch -o x.txt", "--output must end in one of .jpg, .pdf, .png, .svg, not x.txt."),
    ("suspects of an unknown study", "suspects nothing", "There is no MLflow experiment 'nothing'; existing"),
    ("suspects of an unknown run", "suspects 0123abcd", "has no run '0123abcd'."),
    ("suspects in a missing folder", "suspects nothing -o nowhere/x", "nowhere/x cannot be written: the folder"),
    ("browser of nothing", "browse nowhere", "nowhere is neither a folder of photos nor a run; `fmask runs` lists"),
    ("browser of an unknown run", "browse 0123abcd", "has no run '0123abcd'."),
    ("browser of a folder without photos", "browse none", "none has no via_region_data.json and no other"),
    ("browser of a missing split", "browse split --split val", "split has no split val; it has split."),
    ("browser of training photos", "browse latest --split train", "--split must be val or test, not 'train': a run is"),
    ("browser in a missing folder", "browse split -o nowhere/x.html", "nowhere/x.html cannot be written: the folder"),
    (
        "browser of photos with a confidence",
        "browse split --min-confidence 0",
        "split is a data set, for which --min-confidence has no meaning; remove it.",
    ),
    (
        "browser of a run with a map",
        "browse latest --map '{x: hat}'",
        "latest is a run, for which --map has no meaning; remove it.",
    ),
    ("no suspects", "suspects nothing -n 0", "Invalid value for '-n'"),
    ("difference from a missing file", "diff split nowhere", "nowhere does not exist; expected a data set, a folder"),
    ("difference from a text file", "diff split text.h5", "text.h5 is not valid JSON"),
    ("difference to a missing folder", "diff split split --csv nowhere/x.csv", "nowhere/x.csv cannot be written: the"),
    ("runs of an unknown study", "runs nothing", "There is no study 'nothing'; existing ones: Default."),
    ("model of the latest run without runs", "detect latest a.png", "has no finished training yet."),
    ("model of an unknown run", "detect 0123abcd a.png", "has no run '0123abcd'."),
    ("unregistered model", "detect models:/hats/1 a.png", "has no model 'models:/hats/1'"),
    (
        "model with a password",
        "detect https://me:hunter2@host/x.h5 a.png",
        "https://me:***@host/x.h5: there is no such",
    ),
    (
        "photos before the model",
        "detect split best",
        "best is a run, not photos; the model comes first, then the photos.",
    ),
    ("missing photo", "detect fake nowhere.jpg", "nowhere.jpg: there is no such photo, folder or pattern."),
    ("photo with too long a name", f"detect fake {'x' * 300}", "xxx: File name too long."),
    ("folder without photos", "detect fake none", "none: the folder has no photos; photos end in .bmp, .gif"),
    ("pattern without matches", "detect fake *.webp", "*.webp: the pattern matches no photo; photos end in"),
    ("text file as photo", "detect fake text.jpg", "None of 1 photos can be read: text.jpg is not a readable photo"),
    (
        "output in a missing folder",
        "detect fake a.png -o nowhere/x.csv",
        "nowhere/x.csv cannot be written: the folder nowhere does not exist.",
    ),
    ("existing output", "detect fake a.png -o text.h5", "text.h5 already exists; --overwrite replaces it."),
    ("unknown format", "detect fake a.png --format xml", "--format': 'xml' is not one of 'csv', 'coco', 'via'"),
    (
        "confidence above one",
        "detect fake a.png --min-confidence 2",
        "--min-confidence must be between 0 and 1, not 2.",
    ),
    ("confidence that is not a number", "detect fake a.png --min-confidence high", "valid number"),
    (
        "ground truth with CSV",
        "detect fake a.png --ground-truth x",
        "--ground-truth requires --format coco, not csv.",
    ),
    ("missing ground truth", "detect fake a.png --format coco --ground-truth x", "x cannot be read: No such file"),
    (
        "ground truth that is not COCO",
        "detect fake a.png --format coco --ground-truth runs.csv",
        "runs.csv is not a COCO file with images",
    ),
    (
        "check of a missing folder",
        "check nowhere",
        "nowhere is not a folder; expected one with photos and their annotations.",
    ),
    (
        "check of an empty folder",
        "check none",
        "none has no via_region_data.json and no other annotations; fmask reads VIA, COCO",
    ),
    (
        "anchors of an empty folder",
        "anchors none",
        "none has none of the folders train, val, test, and no annotations: ",
    ),
    ("anchors at size 0", "anchors split --image-size 0", "greater than or equal to 64"),
    (
        "download with FTP",
        "install photos --base-url ftp://me:hunter2@x",
        "--base-url must begin with http:// or https://, not 'ftp://me:***@x'",
    ),
    (
        "backbone without weights",
        "install imagenet vgg",
        "There are no ImageNet weights for vgg, only for efficientnet_lite0, resnet50",
    ),
    ("conversion of a missing file", "convert nowhere out.json", "nowhere cannot be read: No such file or directory."),
    ("conversion of a photo", "convert a.png out.json", "a.png is not an annotation file: it is not text in UTF-8"),
    (
        "conversion to a missing folder",
        "convert split nowhere/out.json",
        "nowhere/out.json cannot be written: the folder",
    ),
    (
        "class of a value that no region has",
        "convert split out.json --map '{x: hat}'",
        "no region has the `fmask` 'x'; they have ",
    ),
    (
        "unknown class of a map",
        "evaluate model.h5 split --map '{x: dog}'",
        "--map: x must be one of mask, hat, or null to leave it out, not dog.",
    ),
    (
        "word for a map",
        "check split --map hat",
        '--map is hat; it must be names and their classes, as in --map "{helmet: hat, vest: null}".',
    ),
    ("other kind of empty photos", "check split --empty-photos background", "'background' is not one of 'leave_out'"),
    ("scores of a missing folder", "evaluate model.h5 nowhere", "nowhere is not a folder; expected one with photos"),
    (
        "split of a split",
        "evaluate model.h5 split --split val",
        "split is not a data set with splits; remove --split val",
    ),
    (
        "diagnosis of a file without photos",
        "diagnose text.h5",
        "text.h5 is not a run, whose photos are known; give a data",
    ),
    ("diagnosis of a missing run", "diagnose 0123abcd", "has no run '0123abcd'."),
    (
        "diagnosis of the training photos",
        "diagnose latest --split train",
        "--split must be val or test, not 'train'; for",
    ),
    (
        "diagnosis of a run with a map",
        "diagnose latest --map '{x: hat}'",
        "--map requires photos; give a data set, a folder or an annotation file after the model.",
    ),
    (
        "diagnosis to a missing folder",
        "diagnose fake split -o nowhere/here",
        "nowhere/here cannot be written: the folder nowhere does not exist.",
    ),
    ("diagnosis to a file", "diagnose fake split -o text.h5", "text.h5 is a file; expected a folder."),
    ("diagnosis of a missing folder", "diagnose model.h5 nowhere", "nowhere is not a folder; expected one with photos"),
    ("splash of a missing video", "splash fake walk.mp4", "There is no video file walk.mp4."),
    (
        "splash of a video on a web server",
        "splash fake https://me:hunter2@host/walk.mp4",
        "https://me:***@host/walk.mp4 is a video file, not a camera; download it first.",
    ),
    ("splash of an empty folder", "splash fake none", "none: the folder has no photos or videos; they end in .3gp, "),
    ("splash of a text file", "splash fake text.jpg", "text.jpg is not a readable photo: its format is not one of"),
    ("splash of a text file as video", "splash fake text.mp4", "text.mp4 is not a readable video: invalid data"),
    ("splash over the input", "splash fake a.png -o a.png", "a.png is an input and is not overwritten; choose another"),
    ("splash to a text file", "splash fake a.png -o out.txt", "an output photo must end in one of .bmp, .gif"),
    (
        "splash of an unknown class",
        "splash fake a.png --class shoes",
        "--class must be one of the model's classes, mask, hat, not 'shoes'.",
    ),
    (
        "splash with a NaN confidence",
        "splash fake a.png --min-confidence nan",
        "--min-confidence must be between 0 and 1, not nan.",
    ),
    (
        "watch of a missing video",
        "watch fake nowhere.mp4",
        "'nowhere.mp4' is neither a video file nor a camera number or address.",
    ),
    ("watch of a text file", "watch fake text.mp4", "text.mp4 is not a readable video: invalid data"),
    (
        "watch for an unknown class",
        "watch fake a.png --need shoes",
        "--need may contain mask and hat, not 'shoes'.",
    ),
    (
        "watch with a negative duration",
        "watch fake a.png --for -1",
        "--for must be a number of seconds, 0 or more, not -1.",
    ),
    ("export to another format", "export text.h5 out.pt", "The name of the output file must end in .onnx, not out.pt."),
    (
        "export to a missing folder",
        "export text.h5 nowhere/out.onnx",
        "nowhere/out.onnx cannot be written: the folder",
    ),
    (
        "export with batch 0",
        "export text.h5 out.onnx --batch 0",
        "--batch must be a whole number from 1 up or dynamic, not '0'.",
    ),
    ("model name with a slash", "register model.h5 a/b", "The model name 'a/b' is invalid"),
    (
        "text file as registered model",
        "register text.h5 hats",
        "text.h5 is not a network saved by fmask: it is not an HDF5 file (.h5).",
    ),
    ("report of an unknown study", "report nothing", "There is no MLflow experiment 'nothing'; existing experiments:"),
    ("report of an unknown run", "report runs:/abc", "has no run 'abc'; the beginning of an id must have"),
    ("report as another kind of file", "report latest -o x.pdf", "x.pdf: the name of a page must end in .html."),
    ("browser page of another kind", "browse split -o x.png", "x.png: the name of a page must end in .html."),
    ("table of a run", "report latest --data x", "latest is a run, for which --data has no meaning; remove it."),
    (
        "report to a missing folder",
        "report latest -o nowhere/x.html",
        "nowhere/x.html cannot be written: the folder nowhere does not exist.",
    ),
    ("table of an unknown study", "table nothing", "There is no MLflow experiment 'nothing'; existing experiments:"),
    (
        "table from a missing file",
        "table --from nowhere.csv",
        "nowhere.csv cannot be read as a study's runs: No such file",
    ),
    ("table from a photo", "table --from a.png", "a.png cannot be read as a study's runs"),
    (
        "table from a text file",
        "table --from text.jpg",
        "text.jpg is not a file of a study's runs: it has no lines with study, run",
    ),
    (
        "table against a missing row",
        "table --from runs.csv --against 9",
        "The baseline must be a row from 1 to 2, not 9.",
    ),
    ("table of other data", "table --from runs.csv --data other", "has no finished run with test scores on other"),
    ("plan without a file", "plan nowhere.yaml", "nowhere.yaml cannot be read as a plan: No such file or directory."),
    ("plan that is a table", "plan runs.csv", "runs.csv must have the keys study, question, settings, rows, baseline,"),
    (
        "curve of runs on all photos",
        "curve --from runs.csv",
        "has no runs with different data.share; `fmask sweep study=report data.share=0.25,0.5,1` trains some.",
    ),
    (
        "table as a text figure",
        "table --from runs.csv --figure out.docx",
        "out.docx: the name of a figure must end in one of .",
    ),
    (
        "table to a missing folder",
        "table --from runs.csv --csv nowhere/x.csv",
        "nowhere/x.csv cannot be written: No such file",
    ),
]
"""Name, arguments of the command, message."""

RUNS = [
    ("unknown status", "FINISHED", "DONE", "has the status 'DONE'; it must be one of RUNNING, FINISHED"),
    ("invalid date", "2026-", "yesterday", "Invalid isoformat string: 'yesterday"),
    ("unknown outcome", "found", "maybe", "'maybe' is not a valid Outcome"),
    ("region that is not a number", ",0,found", ",first,found", "invalid literal for int() with base 10: 'first'"),
    ("NaN score", ",0.6,", ",nan,", "val_mask_ap50 must be a finite number, not 'nan'"),
    ("surplus field", ",found,", ",found,x,", "has a line with a different number of fields than the header"),
]
"""Of `fmask table --from`: name, text in a valid file, its replacement, message."""

STORES = [
    ("unknown kind", "shelf://me:hunter2@there/x", "MLflow at shelf://me:***@there/x cannot be used"),
    ("no server", "http://me:hunter2@127.0.0.1:9", "MLflow at http://me:***@127.0.0.1:9 cannot be used"),
    (
        "no driver",
        "postgresql://me:hun/ter2@127.0.0.1:9/x",
        "MLflow at postgresql://me:***@127.0.0.1:9/x cannot be used",
    ),
    (
        "text file as database",
        "sqlite:///text.h5",
        "text.h5 cannot be used (file is not a database): set MLFLOW_TRACKING_URI.",
    ),
    ("missing database", "sqlite:////dev/null/x.db", "There are no runs yet: /dev/null/x.db does not exist."),
]
"""Of MLFLOW_TRACKING_URI: name, address, message."""
