//! Parameters of a network from safetensors files, one tensor at a time.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use safetensors::tensor::{Dtype, Metadata, TensorInfo};

use super::{settings, tensor_error};
use crate::error::{Code, Error, Result};
use crate::task::Task;

/// Longest table of tensors that is read.
const HEADER_LIMIT: u64 = 64 << 20;
/// Bytes of a parameter.
const NUMBER: u64 = size_of::<f32>() as u64;

/// Parameters by name, as 32-bit numbers.
pub struct Weights {
    tensors: HashMap<String, Tensor>,
    device: Device,
    digest: [u8; 32],
}

impl Weights {
    /// The parameters of a safetensors file, or of the folder that holds `model.safetensors` or its shards.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there are none, [`Code::BadFile`] if a file is no safetensors file or cut short,
    /// [`Code::BadValue`] on numbers that are not finite, [`Code::Limit`] if they are more than memory allows.
    pub fn open(path: &Path, device: &Device, task: &Task) -> Result<Self> {
        let mut weights = Weights { tensors: HashMap::new(), device: device.clone(), digest: [0; 32] };
        let mut hasher = blake3::Hasher::new();
        for file in files(path)? {
            weights.read(&file, &mut hasher, task).map_err(|error| error.path(&file))?;
        }
        weights.digest = *hasher.finalize().as_bytes();
        Ok(weights)
    }

    /// The parameters, for networks to take theirs.
    pub fn builder(&self) -> VarBuilder<'static> {
        // Tensors are counted references: nothing is copied.
        VarBuilder::from_tensors(self.tensors.clone(), DType::F32, &self.device)
    }

    /// Whether there is a tensor of that name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Names one after the other without what all of them begin with, such as `bert.` or `module.`.
    /// Of two that are called the same then, the one that had no more of a name stays.
    #[must_use]
    pub fn without_prefix(mut self, prefixes: &[&str]) -> Self {
        for prefix in prefixes {
            let long =
                self.tensors.keys().filter(|name| name.starts_with(prefix)).cloned().collect::<Vec<_>>();
            for name in long {
                if let Some(tensor) = self.tensors.remove(&name) {
                    self.tensors.entry(name[prefix.len()..].to_string()).or_insert(tensor);
                }
            }
        }
        self
    }

    /// A digest of all names, shapes and numbers, as they are in the files.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    fn read(&mut self, path: &Path, hasher: &mut blake3::Hasher, task: &Task) -> Result<()> {
        let failed = |cause| Error::io("cannot read the weights", cause);
        let broken = |cause: &dyn std::fmt::Display| {
            Error::new(Code::BadFile, format!("this is no safetensors file, or it is cut short: {cause}"))
                .help("copy it again; other formats can be saved by Python's safetensors.torch.save_file")
        };
        // What is no file may never end, or never begin.
        let about = std::fs::metadata(path).map_err(failed)?;
        if !about.is_file() {
            return Err(Error::new(Code::BadFile, "this is no file").help("name a .safetensors file"));
        }
        let Some(rest) = about.len().checked_sub(8) else {
            return Err(broken(&"it is too short to be one"));
        };
        let mut file = File::open(path).map_err(failed)?;
        let mut size = [0; 8];
        file.read_exact(&mut size).map_err(|cause| broken(&cause))?;
        let table = u64::from_le_bytes(size);
        if table > HEADER_LIMIT || table > rest {
            return Err(broken(&format_args!("its table claims {table} bytes, but {rest} follow")));
        }
        let mut header = vec![0; table as usize];
        file.read_exact(&mut header).map_err(failed)?;
        hasher.update(&header);
        // Reading it checks that the tensors lie one behind the other, of their shapes' lengths.
        let metadata: Metadata = serde_json::from_slice(&header).map_err(|cause| broken(&cause))?;
        let (told, found) = (metadata.data_len() as u64, rest - table);
        if told != found {
            return Err(broken(&format_args!("its tensors take {told} bytes, but {found} follow")));
        }
        let tensors = in_order(&metadata);
        task.afford(taken(&tensors), "the weights of the network")?;
        for (name, info) in tensors {
            task.check()?;
            let length = info.data_offsets.1 - info.data_offsets.0;
            let Some(dtype) = float(info.dtype) else {
                io::copy(&mut (&mut file).take(length as u64), hasher).map_err(failed)?;
                continue;
            };
            let mut data = vec![0; length];
            file.read_exact(&mut data).map_err(failed)?;
            hasher.update(&data);
            let tensor = Tensor::from_raw_buffer(&data, dtype, &info.shape, &Device::Cpu)
                .and_then(|tensor| tensor.to_dtype(DType::F32))
                .map_err(tensor_error)?;
            check_finite(&name, &tensor)?;
            let tensor = tensor.to_device(&self.device).map_err(tensor_error)?;
            self.tensors.insert(name, tensor);
        }
        Ok(())
    }
}

/// Bytes that tensors take as 32-bit numbers, with what the largest takes besides while it is read.
fn taken(tensors: &[(String, TensorInfo)]) -> u64 {
    let all = tensors.iter().filter_map(|(_, info)| {
        let numbers = info.shape.iter().product::<usize>() as u64;
        // As they are in the file, twice, and once more while they are looked at.
        let besides = 2 * float(info.dtype)?.size_in_bytes() as u64 + NUMBER;
        Some((numbers * NUMBER, numbers * besides))
    });
    let (sum, most) = all.fold((0, 0), |(sum, most): (u64, u64), (x, y)| (sum + x, most.max(y)));
    sum + most
}

/// Counters and masks of whole numbers, which some files carry, are no parameters.
fn float(dtype: Dtype) -> Option<DType> {
    match dtype {
        Dtype::F16 => Some(DType::F16),
        Dtype::BF16 => Some(DType::BF16),
        Dtype::F32 => Some(DType::F32),
        Dtype::F64 => Some(DType::F64),
        _ => None,
    }
}

fn check_finite(name: &str, tensor: &Tensor) -> Result<()> {
    let values = tensor.flatten_all().and_then(|flat| flat.to_vec1::<f32>()).map_err(tensor_error)?;
    if values.iter().all(|x| x.is_finite()) {
        return Ok(());
    }
    let message = format!("the tensor `{name}` has numbers that are not finite");
    Err(Error::new(Code::BadValue, message)
        .help("the weights are damaged or were trained badly: copy them again"))
}

/// Tensors as they lie in the file.
fn in_order(metadata: &Metadata) -> Vec<(String, TensorInfo)> {
    let mut tensors: Vec<_> =
        metadata.tensors().into_iter().map(|(name, info)| (name, info.clone())).collect();
    tensors.sort_by(|(a, x), (b, y)| x.data_offsets.cmp(&y.data_offsets).then_with(|| a.cmp(b)));
    tensors
}

/// The safetensors files that a path stands for, in order.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return match path.exists() {
            true => Ok(vec![path.to_path_buf()]),
            false => Err(Error::new(Code::NotFound, "there are no weights here")
                .help("name a .safetensors file, or a folder with model.safetensors")
                .path(path)),
        };
    }
    let whole = path.join("model.safetensors");
    if whole.exists() {
        return Ok(vec![whole]);
    }
    let index = path.join("model.safetensors.index.json");
    if index.exists() {
        return shards(&index).map_err(|error| error.path(&index));
    }
    let others = ["pytorch_model.bin", "tf_model.h5", "model.onnx"];
    let found = others.iter().find(|name| path.join(name).exists());
    let help = match found {
        Some(name) => format!(
            "it has {name}, which is not read: load it in Python and save_pretrained('folder', \
             safe_serialization=True)"
        ),
        None => "a Hugging Face folder holds config.json, tokenizer.json and model.safetensors".to_string(),
    };
    Err(Error::new(Code::NotFound, "the folder has no model.safetensors").help(help).path(path))
}

/// The files that an index of shards names.
fn shards(index: &Path) -> Result<Vec<PathBuf>> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: HashMap<String, String>,
    }
    let index_of: Index = settings::json(index)?;
    let names: BTreeSet<String> = index_of.weight_map.into_values().collect();
    let plain = |name: &String| Path::new(name).file_name().is_some_and(|own| own == name.as_str());
    if let Some(name) = names.iter().find(|name| !plain(name)) {
        return Err(Error::new(
            Code::BadFile,
            format!("the index names `{name}`, which is no file beside it"),
        )
        .help("all shards lie in the folder of their index: copy them there"));
    }
    Ok(names.into_iter().map(|name| crate::fs::parent(index).join(name)).collect())
}
