"""Makes the small text encoders that tests are held against: random weights, saved as transformers saves them, with
what sentence-transformers makes of some texts by them.

    python tests/encoders/texts.py    (torch, transformers, sentence-transformers)
"""

import json
import os
import shutil

import torch
from sentence_transformers import SentenceTransformer, models
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel, WordPiece
from transformers import (
    BertConfig, BertModel, DistilBertConfig, DistilBertModel, PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel,
)

here = os.path.dirname(os.path.abspath(__file__))
texts = ["kim dae jung", "Kim", "", "capital of: Germany", "1948", "金大中", "kim " * 40, "unheard of", "kim dae jung"]
pieces = [*"abcdefghijklmnopqrstuvwxyz0123456789", *("##" + c for c in "abcdefghijklmnopqrstuvwxyz0123456789"),
          "kim", "dae", "jung", "capital", "of", "germany", ":", "金", "大", "中"]


def wordpiece():
    tokenizer = Tokenizer(WordPiece({t: i for i, t in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *pieces])}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.decoder = decoders.WordPiece()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"), tokenizer


def wordlevel():
    """RoBERTa's numbers of special tokens, with words for pieces."""
    vocabulary = {t: i for i, t in enumerate(["<s>", "<pad>", "</s>", "<unk>", *pieces])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>", cls_token="<s>", sep_token="</s>", bos_token="<s>", eos_token="</s>"), tokenizer


def make(name, model, tokenizer, pooling, dense=None, normalise=True, longest=16):
    """A folder with a network, and the vectors of the texts."""
    folder = f"{here}/{name}"
    shutil.rmtree(folder, ignore_errors=True)
    fast, raw = tokenizer
    # Norms and biases other than 1 and 0, so that leaving one out is seen.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    fast.model_max_length = longest
    model.save_pretrained(f"{folder}/network")
    fast.save_pretrained(f"{folder}/network")
    steps = [models.Transformer(f"{folder}/network", max_seq_length=longest)]
    steps.append(models.Pooling(steps[0].get_word_embedding_dimension(), pooling_mode=pooling))
    if dense:
        steps.append(models.Dense(steps[1].get_sentence_embedding_dimension(), dense))
    if normalise:
        steps.append(models.Normalize())
    whole = SentenceTransformer(modules=steps, device="cpu")
    shutil.rmtree(folder)
    whole.save(folder, create_model_card=False)
    raw.save(f"{folder}/tokenizer.json")
    whole = SentenceTransformer(folder, device="cpu")
    vectors = whole.encode(texts, batch_size=4)
    json.dump({"texts": texts, "vectors": [[float(x) for x in row] for row in vectors]}, open(f"{folder}/expected.json", "w"), ensure_ascii=False)
    for extra in ("README.md", ".gitattributes"):
        if os.path.exists(f"{folder}/{extra}"):
            os.remove(f"{folder}/{extra}")


torch.manual_seed(7)
small = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48)
size = 4 + len(pieces)
make("bert", BertModel(BertConfig(vocab_size=size, max_position_embeddings=24, **small)), wordpiece(), "mean")
make("bert-dense", BertModel(BertConfig(vocab_size=size, max_position_embeddings=24, **small)), wordpiece(), "cls", dense=8, normalise=False)
make("xlm-roberta", XLMRobertaModel(XLMRobertaConfig(vocab_size=size, max_position_embeddings=24, type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2, layer_norm_eps=1e-5, **small)), wordlevel(), "mean")
make("distilbert", DistilBertModel(DistilBertConfig(vocab_size=size, max_position_embeddings=24, dim=32, n_layers=2, n_heads=4, hidden_dim=48)), wordpiece(), "max")
