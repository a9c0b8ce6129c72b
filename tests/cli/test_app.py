"""The options of `fmask` itself: help, version and shell completion."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

import fmask
from fmask.cli import app
from fmask.cli.app import COMMANDS, DATA, RUNS, TRAIN, USE

HEAVY = ("keras", "tensorflow", "mlflow", "matplotlib", "numpy", "jinja2")


def call(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False, env={"COLUMNS": "120"})
    assert result.exit_code == 0
    return result.output


def run_python(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env=os.environ | environment,
    )
    return done.stdout


def test_version() -> None:
    assert call("--version") == f"fmask {fmask.__version__}\n"


def test_help_lists_every_command_in_its_panel() -> None:
    lines = [line.strip("│ ") for line in call("--help").splitlines()]
    panels = [line.strip("╭─╮ ") for line in lines if line.startswith("╭")]
    assert panels == ["Options", TRAIN, USE, DATA, RUNS]
    listed = [line.split()[0] for line in lines if line and line.split()[0] in COMMANDS]
    assert listed == list(COMMANDS)


def test_every_command_has_one_short_sentence_in_the_help() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert set(commands) == set(COMMANDS)
    for name, command in commands.items():
        sentence = command.help.split("\n\n")[0]
        assert sentence.endswith("."), name
        assert ". " not in sentence, name
        assert len(sentence) < 90, name


@pytest.mark.parametrize(
    ("shell", "arguments"), [("bash", {"COMP_WORDS": "fmask spl", "COMP_CWORD": "1"}), ("zsh", {}), ("fish", {})]
)
def test_shell_completion(shell: str, arguments: dict[str, str]) -> None:
    environment = arguments or {"_TYPER_COMPLETE_ARGS": "fmask spl", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    program = "from fmask.cli import app; app(prog_name='fmask')"
    completed = run_python(program, _FMASK_COMPLETE=f"complete_{shell}", **environment)
    assert "splash" in completed
    assert "watch" not in completed


def test_help_offers_to_install_the_completion() -> None:
    text = call("--help")
    assert "--install-completion" in text
    assert "--show-completion" in text


def test_help_imports_nothing_heavy() -> None:
    run_python(
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from fmask.cli import app\n"
        f"for name in {['', *(name for name in COMMANDS if name not in ('train', 'sweep'))]}:\n"
        "    assert CliRunner().invoke(app, [*name.split(), '--help']).exit_code == 0\n"
        f"assert not set({HEAVY}) & set(sys.modules)\n"
    )


@pytest.mark.parametrize("program", ["train", "sweep"])
def test_a_wrong_photos_folder_is_refused_by_runs_but_not_by_help(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FMASK_PHOTOS", "nowhere")
    lr = "0.1" if program == "train" else "0.1,0.2"
    for arguments in ([f"lr={lr}"], [f"lr={lr}", "data=photos"]):
        with pytest.raises(SystemExit) as ended:
            app([program, *arguments])
        assert ended.value.code == 2
        assert capsys.readouterr().err == f"fmask {program}: FMASK_PHOTOS is 'nowhere', which is not a folder.\n"
    monkeypatch.delenv("FMASK_PHOTOS")
    with pytest.raises(SystemExit):
        app([program, f"lr={lr}", "data=photos"])
    assert "the photos are not installed" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []  # no output folder
    assert f"Usage: fmask {program} [KEY=VALUE" in run_python(
        f"from fmask.cli import app; app(['{program}', '--help'])", FMASK_PHOTOS="nowhere"
    )


@pytest.mark.parametrize("name", ["train", "sweep"])
def test_help_of_the_trainings_shows_the_settings_and_loads_no_keras(name: str) -> None:
    shown = run_python(
        "import sys\n"
        "from fmask.cli import app\n"
        "try:\n"
        f"    app(['{name}', '--help'])\n"
        "finally:\n"
        "    assert not {'keras', 'tensorflow', 'mlflow'} & set(sys.modules)\n"
    )
    assert shown.startswith(f"Usage: fmask {name} [KEY=VALUE")
    assert "aug: blur, fliplr_clahe" in shown
    assert "batch_size: " in shown


def test_the_configuration_of_several_runs_is_refused_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        app(["sweep", "data=rendered", "aug=none,blur", "--cfg", "job"])
    assert ended.value.code == 2
    message = "fmask sweep: these overrides ask for several runs; give one value for each setting.\n"
    assert capsys.readouterr().err == message


def test_a_run_prints_warnings_and_has_no_log_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = run_python(
        "import logging\n"
        "from fmask.cli.train import main\n"
        "from fmask.training import train\n"
        "def log(config, output_dir):\n"
        "    logging.getLogger('fmask').info('unimportant')\n"
        "    logging.getLogger('fmask').warning('important')\n"
        "train.train = log\n"
        "main('fmask train', ['data=rendered'])\n"
    )
    assert "important" in shown.splitlines()
    assert "unimportant" not in shown
    (folder,) = tmp_path.glob("outputs/*/*")
    assert [path.name for path in folder.iterdir()] == [".hydra"]


@pytest.mark.parametrize("arguments", [["train", "experiment=smoke"], ["detect", "a.h5", "a.png"]])
def test_an_unsupported_backend_is_refused(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.h5").touch()
    (tmp_path / "a.png").touch()
    command = [sys.executable, "-m", "fmask", *arguments]
    environment = os.environ | {"KERAS_BACKEND": "torch"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=120)
    message = "KERAS_BACKEND must be tensorflow or jax, not torch.\n"
    assert done.stderr.removeprefix("fmask: ").removeprefix("fmask train: ") == message
    assert done.returncode == 2
