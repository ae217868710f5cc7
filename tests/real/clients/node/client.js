// A client of somebody who writes JavaScript: @grpc/grpc-js, which reads the published proto file
// when it runs.
//
// Arguments: the proto file, its package, and the endpoint of the runtime. It takes a pod through
// its life, and prints what it has seen as JSON.
"use strict";

const { promisify } = require("node:util");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [proto, name, endpoint] = process.argv.slice(2);
const options = { keepCase: true, enums: String, longs: String, defaults: true };
const loaded = grpc.loadPackageDefinition(loader.loadSync(proto, options));
const cri = name.split(".").reduce((outer, part) => outer[part], loaded);
const credentials = grpc.credentials.createInsecure();
const clients = [
  new cri.RuntimeService(endpoint, credentials),
  new cri.ImageService(endpoint, credentials),
];
const [runtime, images] = clients.map(
  (client) => (method, request) => promisify(client[method].bind(client))(request),
);

// What a stream sends until it ends.
function all(method, request) {
  return new Promise((resolve, reject) => {
    const messages = [];
    clients[0][method](request)
      .on("data", (message) => messages.push(message))
      .on("error", reject)
      .on("end", () => resolve(messages));
  });
}

async function state(id) {
  return (await runtime("ContainerStatus", { container_id: id })).status.state;
}

async function main() {
  const seen = { version: (await runtime("Version", {})).runtime_api_version };
  const image = { image: "busybox" };
  await images("PullImage", { image });
  const pod = { metadata: { name: "web", namespace: "default", uid: "1" } };
  const sandbox = (await runtime("RunPodSandbox", { config: pod })).pod_sandbox_id;
  const config = { metadata: { name: "main" }, image, command: ["sleep", "300"] };
  const id = (
    await runtime("CreateContainer", { pod_sandbox_id: sandbox, config, sandbox_config: pod })
  ).container_id;
  await runtime("StartContainer", { container_id: id });
  const ran = await runtime("ExecSync", { container_id: id, cmd: ["echo", "done"] });
  seen.said = ran.stdout.toString().trim();
  seen.running = await state(id);
  if (clients[0].StreamContainers) {
    seen.streamed = await all("StreamContainers", {}).then(
      (messages) => String(messages.flatMap((each) => each.containers).length),
      (error) => error.details,
    );
  }
  await runtime("StopContainer", { container_id: id });
  seen.stopped = await state(id);
  await runtime("RemovePodSandbox", { pod_sandbox_id: sandbox });
  seen.removed = await state(id).catch((error) => grpc.status[error.code]);
  clients.forEach((client) => client.close());
  console.log(JSON.stringify(seen));
}

main();
