// Runs one KafkaJS scenario: a JSON request on standard input, a JSON answer on standard output.
// Bytes travel as Base64.

const { createRequire } = require('module')
const path = require('path')

const load = createRequire(path.join(process.env.KAFKAJS_HOME, 'package.json'))
const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = load('kafkajs')

CompressionCodecs[CompressionTypes.Snappy] = load('kafkajs-snappy')
CompressionCodecs[CompressionTypes.LZ4] = () => {
  const lz4 = load('lz4-napi')
  return {
    compress: (encoder) => lz4.compressFrame(encoder.buffer),
    decompress: (buffer) => lz4.decompressFrame(buffer),
  }
}
CompressionCodecs[CompressionTypes.ZSTD] = () => {
  const zstd = load('@bokuweb/zstd-wasm')
  const ready = zstd.init()
  return {
    compress: async (encoder) => ready.then(() => Buffer.from(zstd.compress(encoder.buffer, 3))),
    decompress: async (buffer) => ready.then(() => Buffer.from(zstd.decompress(buffer))),
  }
}
const CODECS = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}

const bytes = (text) => (text === null || text === undefined ? null : Buffer.from(text, 'base64'))

const message = ({ key, value, headers, timestamp }) => {
  const gathered = {}
  for (const [name, text] of headers || []) {
    if (name in gathered) gathered[name] = [].concat(gathered[name], [bytes(text)])
    else gathered[name] = bytes(text)
  }
  return {
    key: bytes(key),
    value: bytes(value),
    headers: gathered,
    ...(timestamp === null || timestamp === undefined ? {} : { timestamp: String(timestamp) }),
  }
}

const actions = {
  async produce(kafka, { topic, codec, acks, idempotent, messages }) {
    const producer = kafka.producer({ idempotent: Boolean(idempotent), allowAutoTopicCreation: false })
    await producer.connect()
    try {
      return await producer.send({
        topic,
        acks: acks === undefined ? -1 : acks,
        compression: CODECS[codec || 'none'],
        messages: messages.map(message),
      })
    } finally {
      await producer.disconnect()
    }
  },

  async admin(kafka, { calls }) {
    const admin = kafka.admin()
    await admin.connect()
    try {
      const answers = []
      for (const [method, argument] of calls) answers.push(await admin[method](argument))
      return answers
    } finally {
      await admin.disconnect()
    }
  },
}

async function main() {
  const chunks = []
  for await (const chunk of process.stdin) chunks.push(chunk)
  const request = JSON.parse(Buffer.concat(chunks).toString())
  const kafka = new Kafka({
    clientId: 'kafkajs-test',
    brokers: [request.bootstrap],
    logLevel: logLevel.NOTHING,
    retry: { retries: request.retries === undefined ? 5 : request.retries },
  })
  try {
    return { result: (await actions[request.action](kafka, request)) ?? null }
  } catch (error) {
    return { error: { name: error.name, type: error.type, message: error.message } }
  }
}

main().then((answer) => {
  process.stdout.write(JSON.stringify(answer), () => process.exit(0))
})
