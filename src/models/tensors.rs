//! Parameters as the bytes of a safetensors file, under our names or the reference's (see [`super::names`]).

use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

use crate::error::{Code, Error, Result};
use crate::train::Parameter;

/// A file of these parameters, f32, ordered by the format.
///
/// Fails with [`Code::Internal`] on a shape that does not fit its numbers.
pub fn to_bytes(parameters: &[Parameter]) -> Result<Vec<u8>> {
    let broken = |cause| Error::new(Code::Internal, format!("parameters as safetensors: {cause}"));
    let view = |parameter: &'_ Parameter| -> Vec<u8> {
        parameter.values.iter().flat_map(|x| x.to_le_bytes()).collect()
    };
    let bytes: Vec<Vec<u8>> = parameters.iter().map(view).collect();
    let views = parameters
        .iter()
        .zip(&bytes)
        .map(|(p, bytes)| Ok((p.name.as_str(), TensorView::new(Dtype::F32, p.shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(broken)?;
    serialize(views, None).map_err(broken)
}

/// The parameters of a file, by name; numbers of F16, BF16, F32 and F64 become f32.
///
/// Fails with [`Code::BadFile`] if it is no such file, [`Code::BadValue`] on other types and on numbers
/// that are not finite.
pub fn from_bytes(bytes: &[u8]) -> Result<Vec<Parameter>> {
    let file = SafeTensors::deserialize(bytes).map_err(|cause| {
        Error::new(Code::BadFile, format!("this is no safetensors file, or it is cut short: {cause}"))
    })?;
    let mut names = file.names();
    names.sort_unstable();
    let one = |name: &str| {
        let tensor = file.tensor(name).map_err(|cause| {
            Error::new(Code::BadFile, format!("the tensor `{name}` cannot be read: {cause}"))
        })?;
        let data = tensor.data();
        let values: Vec<f32> = match tensor.dtype() {
            Dtype::F32 => data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Dtype::F64 => data.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
            Dtype::F16 => data.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
            Dtype::BF16 => data.as_chunks::<2>().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
            other => {
                let message = format!("the tensor `{name}` holds {other:?}, expected F16, BF16, F32 or F64");
                return Err(Error::new(Code::BadValue, message));
            }
        };
        if values.iter().any(|x| !x.is_finite()) {
            return Err(Error::new(
                Code::BadValue,
                format!("the tensor `{name}` has numbers that are not finite"),
            ));
        }
        Ok(Parameter { name: name.to_owned(), shape: tensor.shape().to_vec(), values })
    };
    names.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Model, names};
    use crate::train::Init;

    #[test]
    fn parameters_go_through_a_file_under_the_reference_s_names() {
        let ours = [
            Parameter::new("fusion.weight", &[4], Init::affine(1), 3),
            Parameter::new("structure.0.a", &[2, 6], Init::affine(1), 3),
            Parameter::new("visual.weight", &[3, 5], Init::affine(1), 3),
        ];
        let bytes = to_bytes(&names::export(Model::Mclea, &[], ours.to_vec())).unwrap();
        let mut back = names::import(Model::Mclea, &[], from_bytes(&bytes).unwrap());
        back.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(back, ours);
        assert_eq!(from_bytes(&bytes[..bytes.len() - 1]).unwrap_err().code(), Code::BadFile);
        let wrong = Parameter { name: "x".into(), shape: vec![2], values: vec![f32::NAN; 2] };
        assert_eq!(from_bytes(&to_bytes(&[wrong]).unwrap()).unwrap_err().code(), Code::BadValue);
    }
}
