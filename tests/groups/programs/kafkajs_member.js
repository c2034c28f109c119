// A group's member that is KafkaJS. It says and is asked what speech.py has: JSON lines.

const { createRequire } = require('module')
const path = require('path')
const readline = require('readline')

const load = createRequire(path.join(process.env.KAFKAJS_HOME, 'package.json'))
const { Kafka, logLevel } = load('kafkajs')

const asked = JSON.parse(process.argv[2])
const say = (event, fields) => process.stdout.write(JSON.stringify({ event, ...fields }) + '\n')

const kafka = new Kafka({
  clientId: 'kafkajs-member',
  brokers: asked.bootstrap.split(','),
  logLevel: logLevel.NOTHING,
  retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 100 },
})
const consumer = kafka.consumer({
  groupId: asked.group,
  sessionTimeout: asked.session_ms,
  rebalanceTimeout: asked.rebalance_ms,
  heartbeatInterval: 1000,
  metadataMaxAge: 1000,
  allowAutoTopicCreation: false,
  maxWaitTimeInMs: 200,
})
const positions = new Map()
let owned = {}

const partitions = () => Object.entries(owned).flatMap(([topic, found]) => found.map((each) => [topic, each]))
const own = (assignment, why) => {
  owned = assignment
  say('owned', { partitions: partitions(), why })
}

const actions = {
  async commit({ metadata }) {
    const mine = partitions().filter((pair) => positions.has(pair.join()))
    const offsets = mine.map(([topic, partition]) => ({
      topic, partition, offset: String(positions.get([topic, partition].join())), metadata,
    }))
    try {
      await consumer.commitOffsets(offsets)
    } catch (error) {
      return say('refused', { error: String(error) })
    }
    say('committed', { offsets: offsets.map((each) => [each.topic, each.partition, Number(each.offset), metadata]) })
  },

  async committed() {
    const admin = kafka.admin()
    await admin.connect()
    const found = await admin.fetchOffsets({ groupId: asked.group, topics: Object.keys(owned) })
    await admin.disconnect()
    return found.flatMap(({ topic, partitions }) => partitions
      .filter(({ partition }) => owned[topic].includes(partition))
      .map(({ partition, offset, metadata }) => [topic, partition, Number(offset), metadata]))
  },

  async fetch() {
    say('fetched', { offsets: await actions.committed() })
  },

  async seek() {
    for (const [topic, partition, offset] of await actions.committed()) {
      consumer.seek({ topic, partition, offset: String(offset) })
    }
    say('sought', {})
  },

  async leave() {
    await consumer.disconnect()
    say('closed', {})
    process.exit(0)
  },
}

async function main() {
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => own(payload.memberAssignment, 'assigned'))
  consumer.on(consumer.events.REBALANCING, () => own({}, 'revoked'))
  consumer.on(consumer.events.CRASH, ({ payload }) => say('error', { error: String(payload.error) }))
  await consumer.connect()
  const topics = asked.pattern ? [new RegExp(asked.pattern)] : asked.topics
  await consumer.subscribe({ topics, fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: true,
    eachBatch: async ({ batch }) => {
      const records = batch.messages.map(({ offset, value }) => [batch.topic, batch.partition, Number(offset), value.toString()])
      say('records', { records })
      positions.set([batch.topic, batch.partition].join(), Number(batch.lastOffset()) + 1)
    },
  })
  const commands = readline.createInterface({ input: process.stdin })
  let before = Promise.resolve()
  commands.on('line', (line) => {
    const command = JSON.parse(line)
    before = before.then(() => actions[command.do](command))
  })
  commands.on('close', () => { before = before.then(actions.leave) })
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
