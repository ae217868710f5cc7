//! Makes the stubs from what protoc has made of the published proto file.

use prost::Message;
use std::{env, error::Error, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-env-changed=CRI_DESCRIPTORS");
    let descriptors = fs::read(env::var("CRI_DESCRIPTORS")?)?;
    let files = prost_types::FileDescriptorSet::decode(&*descriptors)?;
    tonic_prost_build::configure().build_server(false).compile_fds(files)?;
    Ok(())
}
