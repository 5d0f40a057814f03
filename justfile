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

# The tests on an emulated ARM processor: NEON with BFDOT and SDOT, then with SDOT, then without either. Needs the target
# (`rustup target add aarch64-unknown-linux-gnu`), a cross compiler (Debian: gcc-aarch64-linux-gnu) and qemu-user
arm:
    for cpu in max neoverse-n1 cortex-a72; do \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu -cpu $cpu" \
        cargo test --release --target aarch64-unknown-linux-gnu --lib kernels || exit 1; \
    done

# Accept changed snapshots of output formats and help pages
snapshots:
    INSTA_UPDATE=always cargo test --release --test integration formats

# The tiny test models and PyTorch's answers
fixtures:
    {{python}} scripts/make_fixtures.py

# The bundled model from nothing: about eight hours on two cores (see docs/experiments.md; labels-claims.jsonl came after revision 10, and the first minutes of stance3 read them twice as often)
model:
    {{python}} scripts/build_base.py --data {{data}} --out {{work}}/base --vocab-size 12000 --layers 0-7
    {{python}} scripts/pretrain.py --base {{work}}/base --data {{data}} --out {{work}}/pretrained --pack-tokens 40000000 --minutes 58
    {{python}} scripts/prepare_data.py --data {{data}} --labels scripts/data/labels-train.jsonl scripts/data/labels-dev.jsonl scripts/data/labels-news.jsonl scripts/data/labels-claims.jsonl --cuts scripts/data/cuts.jsonl --gaps scripts/data/gaps.jsonl --topic-cap 500 --out {{work}}/data
    {{python}} scripts/finetune.py --base {{work}}/pretrained --data {{work}}/data --out {{work}}/model1 --minutes 34
    {{python}} scripts/finetune.py --base {{work}}/model1 --data {{work}}/data --out {{work}}/model2 --minutes 14 --lr 2e-4 --shares entities=0.15,stance=0.75,topics=0.05,extract=0.05 --seed 2
    {{python}} scripts/finetune.py --base {{work}}/model2 --data {{work}}/data --out {{work}}/model3 --minutes 56 --lr 1.8e-4 --head-lr 5e-4 --shares entities=0.36,stance=0.34,topics=0.16,extract=0.14 --seed 3
    cp -r {{work}}/pretrained {{work}}/pretrained2
    {{python}} scripts/pretrain.py --base {{work}}/base --packed {{work}}/pretrained/ids.u16 --out {{work}}/pretrained2 --minutes 123
    {{python}} scripts/graft.py --tuned {{work}}/model3 --before {{work}}/pretrained --after {{work}}/pretrained2 --out {{work}}/grafted
    {{python}} scripts/finetune.py --base {{work}}/grafted --data {{work}}/data --out {{work}}/model4 --minutes 70 --lr 2e-4 --head-lr 5e-4 --shares entities=0.34,stance=0.36,topics=0.17,extract=0.13 --seed 4
    cp -r {{work}}/pretrained2 {{work}}/pretrained3
    {{python}} scripts/pretrain.py --base {{work}}/base --packed {{work}}/pretrained/ids.u16 --out {{work}}/pretrained3 --minutes 166 --lr 1.2e-3 --compile
    {{python}} scripts/graft.py --tuned {{work}}/model4 --before {{work}}/pretrained2 --after {{work}}/pretrained3 --out {{work}}/grafted2
    {{python}} scripts/finetune.py --base {{work}}/grafted2 --data {{work}}/data --out {{work}}/model5 --minutes 70 --lr 2e-4 --head-lr 5e-4 --shares entities=0.28,stance=0.36,mentions=0.1,topics=0.15,extract=0.11 --seed 5 --revision 3
    {{python}} scripts/graft.py --tuned {{work}}/model5 --before {{work}}/model5 --after {{work}}/model4 --share 0.5 --out {{work}}/between
    {{python}} scripts/finetune.py --base {{work}}/between --data {{work}}/data --out {{work}}/model6 --minutes 7.5 --lr 1e-4 --head-lr 2e-4 --shares entities=0.18,stance=0.55,mentions=0.13,topics=0.1,extract=0.04 --seed 6 --revision 3
    {{python}} scripts/graft.py --tuned {{work}}/model5 --before {{work}}/model5 --after {{work}}/model6 --share 0.5 --out {{work}}/mean
    {{python}} scripts/finetune.py --base {{work}}/mean --data {{work}}/data --out {{work}}/model7 --minutes 66 --lr 2e-4 --head-lr 5e-4 --shares entities=0.22,stance=0.42,mentions=0.08,topics=0.16,extract=0.12 --seed 7 --revision 4
    {{python}} scripts/graft.py --tuned {{work}}/model7 --before {{work}}/model7 --after {{work}}/mean --share 0.6 --out {{work}}/model
    {{python}} scripts/fit_topics.py --model {{work}}/model --data {{work}}/data --out {{work}}/model --weights annotated=4,SANAD=6
    {{python}} scripts/alter_titles.py --pretrained {{work}}/pretrained3 --data {{data}} --dev {{work}}/data --out {{work}}/data/altered.train.jsonl
    {{python}} scripts/fit_stance.py --model {{work}}/model --data {{work}}/data --out {{work}}/stance --rank 16 --altered {{work}}/data/altered.train.jsonl --altered-minutes 30 --minutes 62 --seed 41
    {{python}} scripts/alter_details.py --data {{data}} --dev {{work}}/data --out {{work}}/data/details.train.jsonl
    {{python}} scripts/fit_stance.py --model {{work}}/stance --data {{work}}/data --out {{work}}/stance2 --altered {{work}}/data/details.train.jsonl --altered-minutes 50 --altered-share 0.7 --words 50,70,100 --weights annotated=1.5 --minutes 74 --lr 8e-4 --seed 52
    {{python}} scripts/fit_stance.py --model {{work}}/stance2 --data {{work}}/data --out {{work}}/stance3 --altered {{work}}/data/details.train.jsonl --altered-minutes 62 --altered-share 0.7 --words 50,70,100 --weights annotated=1.5 --minutes 103 --lr 8e-4 --seed 61
    {{python}} scripts/fit_stance.py --model {{work}}/stance3 --detail {{work}}/stance3/checkpoint.pt --data {{work}}/data --out {{work}}/stance4 --altered {{work}}/data/details.train.jsonl --altered-minutes 66 --altered-share 0.1 --words 70,100,100 --shares ans=0.6,arabicstancex=0.25,exaasc=0.25,fignews=0.25,plain=0.3 --minutes 76 --lr 8e-4 --seed 71
    {{python}} scripts/graft.py --tuned {{work}}/stance4 --before {{work}}/stance4 --after {{work}}/stance2 --share 0.25 --out {{work}}/stance5
    {{python}} scripts/fit_mentions.py --model {{work}}/stance5 --data {{work}}/data --out {{work}}/mentions --weights annotated=2
    {{python}} scripts/fit_summaries.py --model {{work}}/mentions --data {{work}}/data --out {{work}}/model --revision 11
    {{python}} scripts/calibrate.py --model {{work}}/model --data {{work}}/data

# Put the trained model into the program
bundle:
    {{python}} scripts/pack.py --model {{work}}/model --out models/mujaz-base
    {{python}} scripts/make_fixtures.py --bundled

# Scores of the bundled model on the dev sets, beside trivial baselines
score: build
    {{python}} scripts/score.py --data {{work}}/data/eval
