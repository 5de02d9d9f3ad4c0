"""Makes the fixtures of picture encoders: what Pillow, torchvision and transformers make of some pictures.

    python tests/encoders/pictures.py

Needs numpy, pillow, safetensors, torch, torchvision and transformers. Everything is made up from fixed seeds. Weights of
ResNets and VGG are computed on both sides by `numbers` below, so that only the vectors are stored; those of a small ViT
and a small CLIP are stored. The versions that made what is committed are in the metadata of expected.safetensors.
"""

import json
import os
import struct
import sys
import zlib

import numpy as np
import PIL
import torch
import torchvision
import transformers
from PIL import Image
from safetensors.numpy import save_file
from torchvision import transforms

HERE = os.path.dirname(os.path.abspath(__file__))
PICTURES = os.path.join(HERE, "pictures")


def scene(width, height, seed):
    """A picture with smooth parts, edges and some noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    picture = np.zeros((height, width, 3))
    for channel in range(3):
        a, b, c = rng.uniform(0.02, 0.12, 3)
        picture[..., channel] = 128 + 70 * np.sin(a * x + c * 9) + 50 * np.cos(b * y - a * x)
    for _ in range(5):
        cx, cy, r = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.05, 0.25) * min(width, height)
        picture[(x - cx) ** 2 + (y - cy) ** 2 < r * r] = rng.uniform(0, 255, 3)
    return np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


def pictures():
    """Files of every kind that is read, and of some that are not."""
    os.makedirs(PICTURES, exist_ok=True)
    at = lambda name: os.path.join(PICTURES, name)
    wide, tall = Image.fromarray(scene(75, 50, 1)), Image.fromarray(scene(41, 83, 2))
    wide.save(at("colour.png"), optimize=True)
    tall.save(at("colour.jpg"), quality=88)
    wide.save(at("progressive.jpg"), quality=80, progressive=True)
    tall.convert("L").save(at("grey.jpg"), quality=85)
    wide.convert("CMYK").save(at("cmyk.jpg"), quality=90)
    turned = Image.Exif()
    turned[0x0112] = 6
    wide.save(at("turned.jpg"), quality=85, exif=turned)
    wide.save(at("lossless.webp"), lossless=True)
    tall.save(at("lossy.webp"), quality=80)
    palette = wide.quantize(32)
    palette.save(at("palette.png"), optimize=True)
    palette.save(at("transparent_palette.png"), optimize=True, transparency=3)
    first, second = palette, Image.fromarray(scene(75, 50, 3)).quantize(32)
    first.save(at("animated.gif"), save_all=True, append_images=[second], duration=100, loop=0)
    palette.save(at("transparent.gif"), transparency=5)
    wide.convert("L").save(at("grey.png"), optimize=True)
    wide.convert("1").save(at("bits.png"), optimize=True)
    alpha = Image.fromarray(scene(75, 50, 4)).convert("L")
    Image.merge("LA", (wide.convert("L"), alpha)).save(at("grey_alpha.png"), optimize=True)
    rgba = wide.copy()
    rgba.putalpha(alpha)
    rgba.save(at("alpha.png"), optimize=True)
    deep = (np.arange(30 * 40, dtype=np.uint32).reshape(30, 40) * 54).astype(np.uint16)
    Image.fromarray(deep).save(at("grey16.png"))
    write_png(at("colour16.png"), 8, 6, 16, 2, [bytes((7 * i + 31 * row) % 256 for i in range(48)) for row in range(6)])

    whole = open(at("colour.jpg"), "rb").read()
    open(at("cut_short.jpg"), "wb").write(whole[: len(whole) // 2])
    whole = open(at("colour.png"), "rb").read()
    open(at("cut_short.png"), "wb").write(whole[: len(whole) // 2])
    whole = open(at("lossy.webp"), "rb").read()
    open(at("cut_short.webp"), "wb").write(whole[: len(whole) // 2])
    whole = open(at("transparent.gif"), "rb").read()
    open(at("cut_short.gif"), "wb").write(whole[: len(whole) // 2])
    open(at("page.jpg"), "w").write("<!DOCTYPE html>\n<html><title>404 Not Found</title></html>\n")
    open(at("drawing.png"), "w").write('<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>\n')
    open(at("empty.jpg"), "w").close()
    write_png(at("bomb.png"), 60000, 60000, 8, 6, [b"\0" * 16])
    damaged = bytearray(open(at("colour.png"), "rb").read())
    damaged[len(damaged) // 2] ^= 0xFF
    open(at("damaged.png"), "wb").write(damaged)


def write_png(path, width, height, depth, colour, rows):
    """A PNG by hand: Pillow writes no 16-bit colour, and none that claims more rows than it has."""
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    data = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    open(path, "wb").write(b"\x89PNG\r\n\x1a\n" + parts)


def decoded(expected):
    """What Pillow makes of those it reads, as RGB."""
    for name in sorted(os.listdir(PICTURES)):
        if name.startswith(("cut_short", "page", "drawing", "empty", "bomb", "damaged", "grey16")):
            continue
        pixels = np.asarray(Image.open(os.path.join(PICTURES, name)).convert("RGB"))
        expected[f"decoded.{name}"] = pixels


SIZES = [(130, 90), (8, 8), (75, 50), (33, 50), (75, 21), (120, 200), (1, 1), (74, 51)]


def resampled(expected):
    """Pillow's own sizes."""
    picture = Image.open(os.path.join(PICTURES, "colour.png")).convert("RGB")
    for name, number in (("bilinear", Image.BILINEAR), ("bicubic", Image.BICUBIC)):
        for width, height in SIZES:
            expected[f"resized.{name}.{width}x{height}"] = np.asarray(picture.resize((width, height), number))


def prepared(expected):
    """Every 97th number of what networks are shown: enough to see any slip, and small."""
    steps = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
        ]
    )
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    for name in ("colour.png", "alpha.png", "palette.png"):
        picture = Image.open(os.path.join(PICTURES, name)).convert("RGB")
        for form, part in (("", picture), (".turned", picture.transpose(Image.ROTATE_90))):
            tensors = {
                "torchvision": steps(part).numpy(),
                "vit": ViTImageProcessorPil()(part, return_tensors="np")["pixel_values"][0],
                "clip": CLIPImageProcessorPil()(part, return_tensors="np")["pixel_values"][0],
            }
            for kind, tensor in tensors.items():
                assert tensor.shape == (3, 224, 224)
                expected[f"prepared.{kind}.{name}{form}"] = np.ascontiguousarray(tensor.reshape(-1)[::97]).astype(
                    np.float32
                )


def numbers(name, count):
    """`count` numbers from -1 to 1 that go by a name: FNV-1a of it, then SplitMix64."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = ((state ^ byte) * 0x100000001B3) % 2**64
    with np.errstate(over="ignore"):
        x = np.uint64(state) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    return ((x >> np.uint64(40)).astype(np.float32) / np.float32(2**23)) - np.float32(1)


def planted(network):
    """The network with weights by `numbers`, of sizes that let signals through unharmed."""
    state = network.state_dict()
    for name, tensor in state.items():
        if not tensor.is_floating_point():
            continue
        values = torch.from_numpy(numbers(name, tensor.numel())).reshape(tensor.shape)
        if tensor.dim() > 1:
            values = values * np.float32(np.sqrt(6.0 / tensor[0].numel()))
        elif name.endswith("running_var"):
            values = 1 + values * np.float32(0.5)
        elif name.endswith("weight"):
            values = np.float32(0.5) + values * np.float32(0.25)
        else:
            values = values * np.float32(0.125)
        state[name] = values
    network.load_state_dict(state)
    return network.eval()


def shown(seed, side):
    """A prepared picture that is none."""
    return torch.from_numpy(numbers(f"picture {seed}", 3 * side * side)).reshape(1, 3, side, side)


def convolutional(expected):
    for name in ("resnet50", "resnet152", "vgg16"):
        network = planted(getattr(torchvision.models, name)())
        if name == "vgg16":
            network.classifier = network.classifier[:5]
        else:
            network.fc = torch.nn.Identity()
        with torch.no_grad():
            vectors = torch.cat([network(shown(seed, 224)) for seed in (1, 2)]).numpy()
        print(name, vectors.shape, "from", vectors.min(), "to", vectors.max(), "mean", vectors.mean())
        expected[f"vectors.{name}"] = vectors


def attention(expected):
    torch.manual_seed(7)
    small = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, image_size=32, patch_size=8)
    vit = transformers.ViTForImageClassification(transformers.ViTConfig(**small, num_labels=3)).eval()
    vision = dict(small, projection_dim=24)
    words = dict(vocab_size=20, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, projection_dim=24)
    clip = transformers.CLIPModel(transformers.CLIPConfig(text_config=words, vision_config=vision, projection_dim=24)).eval()
    half = transformers.CLIPVisionModelWithProjection(transformers.CLIPVisionConfig(**vision)).eval()
    for network in (vit, clip):
        # Freshly made weights are so small that all vectors are alike.
        for tensor in network.parameters():
            tensor.data += 0.2 * torch.randn_like(tensor)
    half.load_state_dict({name: tensor for name, tensor in clip.state_dict().items() if name in half.state_dict()})
    for name, network in {"vit": vit, "clip": clip}.items():
        network.save_pretrained(os.path.join(HERE, name))
    side = {"height": 32, "width": 32}
    settings = {"crop_size": side, "do_center_crop": True, "do_normalize": True, "do_rescale": True, "do_resize": True}
    settings |= {"image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}
    settings |= {"resample": 3, "rescale_factor": 1 / 255, "size": {"shortest_edge": 32}}
    with open(os.path.join(HERE, "clip", "preprocessor_config.json"), "w") as file:
        json.dump(settings, file, indent=1)
    with torch.no_grad():
        pictures = torch.cat([shown(seed, 32) for seed in (1, 2)])
        classified = vit.vit(pictures).last_hidden_state[:, 0]
        assert torch.allclose(vit.classifier(classified), vit(pictures).logits)
        expected["vectors.vit"] = classified.numpy()
        expected["vectors.clip"] = half(pictures).image_embeds.numpy()
        whole = clip.visual_projection(clip.vision_model(pictures).pooler_output)
        assert torch.allclose(whole, half(pictures).image_embeds)


def main():
    expected = {}
    if "--keep-pictures" not in sys.argv:
        pictures()
    decoded(expected)
    resampled(expected)
    prepared(expected)
    attention(expected)
    convolutional(expected)
    versions = dict(pillow=PIL.__version__, torch=torch.__version__, torchvision=torchvision.__version__)
    versions |= dict(transformers=transformers.__version__, numpy=np.__version__)
    expected = {name: np.ascontiguousarray(array) for name, array in expected.items()}
    save_file(expected, os.path.join(HERE, "expected.safetensors"), metadata=versions)


main()
