# `just` lists these; the data folder and the work folder can be given: just data=../shared/data model

data := "../shared/data"
work := "work"
python := "python3"

default:
    @just --list

# Build the program
build:
    cargo build --release

# What CI runs
check:
    .ci/run

# Accept changed snapshots of output formats and help pages
snapshots:
    INSTA_UPDATE=always cargo test --release --test integration formats

# The tiny test models and PyTorch's answers
fixtures:
    {{python}} scripts/make_fixtures.py

# The bundled model from nothing: about two hours on two cores (see models/mujaz-base/README.md)
model:
    {{python}} scripts/build_base.py --data {{data}} --out {{work}}/base --vocab-size 12000 --layers 0-7
    {{python}} scripts/pretrain.py --base {{work}}/base --data {{data}} --out {{work}}/pretrained --pack-tokens 40000000 --minutes 58
    {{python}} scripts/prepare_data.py --data {{data}} --out {{work}}/data
    {{python}} scripts/finetune.py --base {{work}}/pretrained --data {{work}}/data --out {{work}}/model --minutes 34

# Put the trained model into the program
bundle:
    cp {{work}}/model/config.json {{work}}/model/tokenizer.json {{work}}/model/model.safetensors models/mujaz-base/
    {{python}} scripts/make_fixtures.py --bundled

# Scores of the bundled model beside trivial baselines
score: build
    {{python}} scripts/score.py --data {{work}}/data
