//! Matrices as numpy writes them.

/// The bytes of a `.npy` file of `<f4`, C order.
pub fn npy(cols: usize, data: &[f32]) -> Vec<u8> {
    let rows = data.len() / cols;
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {cols}), }}");
    header += &" ".repeat(63 - (10 + header.len()) % 64);
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(data.iter().flat_map(|x| x.to_le_bytes()));
    bytes
}
