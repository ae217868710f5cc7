//! A client of somebody who writes Rust: tonic's stubs, made from the published proto file.
//!
//! Argument: the URI of the runtime. It takes a pod through its life, and prints what it has seen
//! as JSON.

use std::{env, error::Error};

use tonic::{Code, transport::Channel};

#[allow(clippy::all)]
mod cri {
    tonic::include_proto!("runtime.v1");
}

use cri::image_service_client::ImageServiceClient;
use cri::runtime_service_client::RuntimeServiceClient;

async fn state(
    runtime: &mut RuntimeServiceClient<Channel>,
    id: &str,
) -> Result<String, tonic::Status> {
    let request = cri::ContainerStatusRequest { container_id: id.into(), ..Default::default() };
    let status = runtime.container_status(request).await?.into_inner().status;
    Ok(status.unwrap_or_default().state().as_str_name().into())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let uri = env::args().nth(1).ok_or("usage: client URI")?;
    let channel = Channel::from_shared(uri)?.connect().await?;
    let mut runtime = RuntimeServiceClient::new(channel.clone());
    let mut images = ImageServiceClient::new(channel);

    let version = runtime.version(cri::VersionRequest::default()).await?.into_inner();
    let image = cri::ImageSpec { image: "busybox".into(), ..Default::default() };
    images
        .pull_image(cri::PullImageRequest { image: Some(image.clone()), ..Default::default() })
        .await?;
    let metadata = cri::PodSandboxMetadata {
        name: "web".into(),
        namespace: "default".into(),
        uid: "1".into(),
        attempt: 0,
    };
    let pod = cri::PodSandboxConfig { metadata: Some(metadata), ..Default::default() };
    let sandbox = runtime
        .run_pod_sandbox(cri::RunPodSandboxRequest {
            config: Some(pod.clone()),
            ..Default::default()
        })
        .await?
        .into_inner()
        .pod_sandbox_id;
    let config = cri::ContainerConfig {
        metadata: Some(cri::ContainerMetadata { name: "main".into(), attempt: 0 }),
        image: Some(image),
        command: vec!["sleep".into(), "300".into()],
        ..Default::default()
    };
    let id = runtime
        .create_container(cri::CreateContainerRequest {
            pod_sandbox_id: sandbox.clone(),
            config: Some(config),
            sandbox_config: Some(pod),
        })
        .await?
        .into_inner()
        .container_id;
    runtime
        .start_container(cri::StartContainerRequest { container_id: id.clone() })
        .await?;
    let ran = runtime
        .exec_sync(cri::ExecSyncRequest {
            container_id: id.clone(),
            cmd: vec!["echo".into(), "done".into()],
            timeout: 0,
        })
        .await?
        .into_inner();
    let running = state(&mut runtime, &id).await?;
    runtime
        .stop_container(cri::StopContainerRequest { container_id: id.clone(), timeout: 0 })
        .await?;
    let stopped = state(&mut runtime, &id).await?;
    runtime
        .remove_pod_sandbox(cri::RemovePodSandboxRequest { pod_sandbox_id: sandbox })
        .await?;
    let removed = state(&mut runtime, &id).await.err().map_or(Code::Ok, |error| error.code());
    println!(
        r#"{{"version":"{}","said":"{}","running":"{running}","stopped":"{stopped}","removed":"{removed:?}"}}"#,
        version.runtime_api_version,
        String::from_utf8(ran.stdout)?.trim(),
    );
    Ok(())
}
