"""The yardstick of picture encoders: torchvision's ResNet-50 behind Pillow, in PyTorch.

    python benches/pictures_yardstick.py FOLDER COUNT [make]

With `make`, fills the folder with COUNT photographs that are none (jpg, 500 x 375) and weights made at random; else
prints pictures a second, from files to what the network is shown, and from there to vectors.
"""

import os
import sys
import time

import numpy as np
import torch
import torchvision
from PIL import Image
from safetensors.torch import load_file, save_file
from torchvision import transforms

folder, count = sys.argv[1], int(sys.argv[2])
weights = os.path.join(folder, "resnet50.safetensors")
network = torchvision.models.resnet50().eval()
torch.set_num_threads(int(os.environ["RAYON_NUM_THREADS"]))

if sys.argv[3:] == ["make"]:
    rng = np.random.default_rng(0)
    os.makedirs(folder, exist_ok=True)
    for i in range(count):
        small = Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8))
        small.resize((500, 375), Image.BICUBIC).save(os.path.join(folder, f"{i:04}.jpg"), quality=90)
    save_file(network.state_dict(), weights)
    sys.exit()

network.load_state_dict(load_file(weights))
network.fc = torch.nn.Identity()
steps = transforms.Compose(
    [
        transforms.Resize(256),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
    ]
)
begun = time.time()
shown = [steps(Image.open(os.path.join(folder, f"{i:04}.jpg")).convert("RGB")) for i in range(count)]
print(f"yardstick what=prepared seconds={time.time() - begun:.3f}")
begun = time.time()
with torch.inference_mode():
    vectors = torch.cat([network(torch.stack(shown[at : at + 16])) for at in range(0, count, 16)])
print(f"yardstick what=encoded seconds={time.time() - begun:.3f}")
vectors.numpy().tofile(os.path.join(folder, "vectors.f32"))
