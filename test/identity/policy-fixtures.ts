import type { PolicyAction } from '../../src/identity/policy-actions.ts'
import type { Verdict } from '../../src/identity/policy-rules.ts'
import type { AccessContext } from '../../src/identity/policy-variables.ts'

/** A document as projects on AWS IoT write it, and what must come of it. */
export interface PolicyFixture {
  name: string
  context: AccessContext
  document: object
  expect: readonly [action: PolicyAction, name: string, verdict: Verdict][]
}

const pump: AccessContext = { deviceId: 'pump-1', clientId: 'pump-1', sourceIp: '192.0.2.7' }
const policy = (...Statement: object[]) => ({ Version: '2012-10-17', Statement })
const arn = (resource: string, region = 'eu-central-1') => `arn:aws:iot:${region}:123456789012:${resource}`

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: policy variables
export const policyFixtures: readonly PolicyFixture[] = [
  {
    name: 'everything is open, as in many first experiments',
    context: pump,
    document: policy({ Effect: 'Allow', Action: 'iot:*', Resource: '*' }),
    expect: [
      ['Connect', 'anything', 'allow'],
      ['Publish', 'a/b', 'allow'],
      ['Subscribe', '#', 'allow'],
      ['RetainPublish', 'a', 'allow'],
      ['ActFor', 'valve', 'none'],
    ],
  },
  {
    name: 'a thing connects under its name, sends and hears below it',
    context: pump,
    document: policy(
      { Effect: 'Allow', Action: ['iot:Connect'], Resource: [arn('client/${iot:Connection.Thing.ThingName}')] },
      { Effect: 'Allow', Action: ['iot:Publish', 'iot:Receive'], Resource: [arn('topic/${iot:Connection.Thing.ThingName}/*')] },
      { Effect: 'Allow', Action: ['iot:Subscribe'], Resource: [arn('topicfilter/${iot:Connection.Thing.ThingName}/*')] },
    ),
    expect: [
      ['Connect', 'pump-1', 'allow'],
      ['Connect', 'pump-2', 'none'],
      ['Publish', 'pump-1/temperature', 'allow'],
      ['Publish', 'pump-2/temperature', 'none'],
      ['Publish', 'pump-1', 'none'],
      ['Subscribe', 'pump-1/#', 'allow'],
      ['Subscribe', '+/temperature', 'none'],
      ['Receive', 'pump-1/commands', 'allow'],
    ],
  },
  {
    name: 'only while the certificate is attached to the thing',
    context: pump,
    document: policy({
      Effect: 'Allow',
      Action: ['iot:Connect'],
      Resource: ['*'],
      Condition: { Bool: { 'iot:Connection.Thing.IsAttached': ['true'] } },
    }),
    expect: [
      ['Connect', 'pump-1', 'allow'],
      ['Publish', 'x', 'none'],
    ],
  },
  {
    name: 'the same for a client that is no thing',
    context: { clientId: 'pump-1' },
    document: policy({
      Effect: 'Allow',
      Action: ['iot:Connect'],
      Resource: ['*'],
      Condition: { Bool: { 'iot:Connection.Thing.IsAttached': ['true'] } },
    }),
    expect: [['Connect', 'pump-1', 'none']],
  },
  {
    name: 'some client ids are shut out',
    context: pump,
    document: policy(
      { Effect: 'Deny', Action: ['iot:Connect'], Resource: [arn('client/lost-1'), arn('client/lost-2')] },
      { Effect: 'Allow', Action: ['iot:Connect'], Resource: [arn('client/*')] },
    ),
    expect: [
      ['Connect', 'lost-1', 'deny'],
      ['Connect', 'lost-3', 'allow'],
    ],
  },
  {
    name: 'the device SDK samples: a few test topics and client ids',
    context: { clientId: 'test-42' },
    document: policy(
      {
        Effect: 'Allow',
        Action: ['iot:Publish', 'iot:Receive', 'iot:RetainPublish'],
        Resource: [arn('topic/sdk/test/java'), arn('topic/sdk/test/python'), arn('topic/sdk/test/js')],
      },
      {
        Effect: 'Allow',
        Action: ['iot:Subscribe'],
        Resource: [arn('topicfilter/sdk/test/java'), arn('topicfilter/sdk/test/js')],
      },
      {
        Effect: 'Allow',
        Action: ['iot:Connect'],
        Resource: [arn('client/sdk-java'), arn('client/basicPubSub'), arn('client/test-*')],
      },
    ),
    expect: [
      ['Publish', 'sdk/test/js', 'allow'],
      ['Publish', 'sdk/test/ruby', 'none'],
      ['RetainPublish', 'sdk/test/java', 'allow'],
      ['Subscribe', 'sdk/test/#', 'none'],
      ['Connect', 'test-42', 'allow'],
      ['Connect', 'tes-42', 'none'],
    ],
  },
  {
    name: 'device shadow over MQTT and HTTPS',
    context: pump,
    document: policy(
      {
        Effect: 'Allow',
        Action: ['iot:Publish'],
        Resource: [
          arn('topic/$aws/things/${iot:Connection.Thing.ThingName}/shadow/get'),
          arn('topic/$aws/things/${iot:Connection.Thing.ThingName}/shadow/update'),
        ],
      },
      {
        Effect: 'Allow',
        Action: ['iot:Receive'],
        Resource: [arn('topic/$aws/things/${iot:Connection.Thing.ThingName}/shadow/*')],
      },
      {
        Effect: 'Allow',
        Action: ['iot:Subscribe'],
        Resource: [arn('topicfilter/$aws/things/${iot:Connection.Thing.ThingName}/shadow/*')],
      },
      {
        Effect: 'Allow',
        Action: ['iot:GetThingShadow', 'iot:UpdateThingShadow'],
        Resource: [arn('thing/${iot:Connection.Thing.ThingName}')],
      },
    ),
    expect: [
      ['Publish', '$aws/things/pump-1/shadow/get', 'allow'],
      ['Publish', '$aws/things/pump-1/shadow/delete', 'none'],
      ['Publish', '$aws/things/pump-2/shadow/get', 'none'],
      ['Subscribe', '$aws/things/pump-1/shadow/get/+', 'allow'],
      ['Receive', '$aws/things/pump-1/shadow/update/delta', 'allow'],
      ['GetThingShadow', 'pump-1', 'allow'],
      ['GetThingShadow', 'pump-2', 'none'],
      ['DeleteThingShadow', 'pump-1', 'none'],
    ],
  },
  {
    name: 'jobs of the own thing',
    context: pump,
    document: policy(
      {
        Effect: 'Allow',
        Action: 'iot:Publish',
        Resource: arn('topic/$aws/things/${iot:Connection.Thing.ThingName}/jobs/*'),
      },
      {
        Effect: 'Allow',
        Action: 'iot:Subscribe',
        Resource: [arn('topicfilter/$aws/events/job/*'), arn('topicfilter/$aws/things/${iot:Connection.Thing.ThingName}/jobs/*')],
      },
      {
        Effect: 'Allow',
        Action: [
          'iot:DescribeJobExecution',
          'iot:GetPendingJobExecutions',
          'iot:StartNextPendingJobExecution',
          'iot:UpdateJobExecution',
        ],
        Resource: arn('thing/${iot:Connection.Thing.ThingName}'),
      },
    ),
    expect: [
      ['Publish', '$aws/things/pump-1/jobs/start-next', 'allow'],
      ['Publish', '$aws/things/pump-1/jobs/j1/update', 'allow'],
      ['Publish', '$aws/things/pump-2/jobs/start-next', 'none'],
      ['Subscribe', '$aws/things/pump-1/jobs/notify-next', 'allow'],
      ['UpdateJobExecution', 'pump-1', 'allow'],
    ],
  },
  {
    name: 'a claim certificate that may only provision',
    context: { clientId: 'new-device' },
    document: policy(
      { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' },
      {
        Effect: 'Allow',
        Action: ['iot:Publish', 'iot:Receive'],
        Resource: [
          'arn:aws:iot:us-west-2:123456789012:topic/$aws/certificates/create/*',
          'arn:aws:iot:us-west-2:123456789012:topic/$aws/provisioning-templates/fleet/provision/*',
        ],
      },
      {
        Effect: 'Allow',
        Action: 'iot:Subscribe',
        Resource: [
          'arn:aws:iot:us-west-2:123456789012:topicfilter/$aws/certificates/create/*',
          'arn:aws:iot:us-west-2:123456789012:topicfilter/$aws/provisioning-templates/fleet/provision/*',
        ],
      },
    ),
    expect: [
      ['Connect', 'new-device', 'allow'],
      ['Publish', '$aws/certificates/create/json', 'allow'],
      ['Publish', '$aws/provisioning-templates/other/provision/json', 'none'],
      ['Subscribe', '$aws/provisioning-templates/fleet/provision/json/accepted', 'allow'],
      ['Publish', 'dt/new-device/x', 'none'],
    ],
  },
  {
    name: 'by thing type and attribute, with both as conditions',
    context: { ...pump, model: 'Pump', attributes: { line: 'A', floor: '2' } },
    document: policy({
      Effect: 'Allow',
      Action: ['iot:Publish'],
      Resource: arn('topic/device/stats', 'us-east-1'),
      Condition: {
        StringEquals: { 'iot:Connection.Thing.Attributes[line]': 'A', 'iot:Connection.Thing.ThingTypeName': ['Pump', 'Valve'] },
        Bool: { 'iot:Connection.Thing.IsAttached': 'true' },
      },
    }),
    expect: [
      ['Publish', 'device/stats', 'allow'],
      ['Publish', 'device/other', 'none'],
    ],
  },
  {
    name: 'the same for a device of another line',
    context: { ...pump, model: 'Pump', attributes: { line: 'B' } },
    document: policy({
      Effect: 'Allow',
      Action: ['iot:Publish'],
      Resource: arn('topic/device/stats', 'us-east-1'),
      Condition: {
        StringEquals: { 'iot:Connection.Thing.Attributes[line]': 'A', 'iot:Connection.Thing.ThingTypeName': ['Pump', 'Valve'] },
      },
    }),
    expect: [['Publish', 'device/stats', 'none']],
  },
  {
    name: 'a tree named after an attribute',
    context: { ...pump, attributes: { building: 'north' } },
    document: policy({
      Effect: 'Allow',
      Action: ['iot:Publish'],
      Resource: arn('topic/${iot:Connection.Thing.Attributes[building]}/*'),
    }),
    expect: [
      ['Publish', 'north/pump-1', 'allow'],
      ['Publish', 'south/pump-1', 'none'],
    ],
  },
  {
    name: 'that attribute is missing',
    context: pump,
    document: policy({
      Effect: 'Allow',
      Action: ['iot:Publish'],
      Resource: arn('topic/${iot:Connection.Thing.Attributes[building]}/*'),
    }),
    expect: [
      ['Publish', 'north/pump-1', 'none'],
      ['Publish', '/pump-1', 'none'],
    ],
  },
  {
    name: 'from one network only',
    context: { clientId: 'clientid1', sourceIp: '203.0.113.57' },
    document: policy(
      { Effect: 'Allow', Action: ['iot:Connect'], Resource: [arn('client/clientid1')] },
      {
        Effect: 'Allow',
        Action: ['iot:Publish'],
        Resource: [arn('topic/my/topic/${iot:ClientId}')],
        Condition: { IpAddress: { 'aws:SourceIp': ['203.0.113.0/24', '2001:db8::/32'] } },
      },
    ),
    expect: [
      ['Connect', 'clientid1', 'allow'],
      ['Publish', 'my/topic/clientid1', 'allow'],
      ['Publish', 'my/topic/clientid2', 'none'],
    ],
  },
  {
    name: 'a wildcard in the middle, as text in a filter',
    context: pump,
    document: policy(
      {
        Effect: 'Allow',
        Action: ['iot:Subscribe'],
        Resource: [arn('topicfilter/department/+/employees'), arn('topicfilter/a/#')],
      },
      { Effect: 'Allow', Action: ['iot:Receive'], Resource: [arn('topic/department/*/employees')] },
    ),
    expect: [
      ['Subscribe', 'department/+/employees', 'allow'],
      ['Subscribe', 'department/engineering/employees', 'none'],
      ['Subscribe', 'a/#', 'allow'],
      ['Subscribe', 'a/b', 'none'],
      ['Receive', 'department/engineering/employees', 'allow'],
      ['Receive', 'department/a/b/employees', 'allow'],
      ['Receive', 'department/employees', 'none'],
    ],
  },
  {
    name: 'a subtree is taken out of a larger grant',
    context: pump,
    document: policy(
      { Effect: 'Allow', Action: ['iot:Subscribe'], Resource: [arn('topicfilter/*')] },
      { Effect: 'Deny', Action: ['iot:Receive'], Resource: [arn('topic/restricted/*')] },
      { Effect: 'Allow', Action: ['iot:Receive'], Resource: [arn('topic/*')] },
    ),
    expect: [
      ['Subscribe', '#', 'allow'],
      ['Receive', 'restricted/x', 'deny'],
      ['Receive', 'open/x', 'allow'],
    ],
  },
  {
    name: 'retained messages on one topic, and none elsewhere',
    context: { clientId: 'device1' },
    document: policy(
      { Effect: 'Allow', Action: ['iot:Connect'], Resource: [arn('client/device1')] },
      { Effect: 'Allow', Action: ['iot:Publish'], Resource: [arn('topic/sample/*')] },
      { Effect: 'Allow', Action: ['iot:RetainPublish', 'iot:GetRetainedMessage'], Resource: [arn('topic/sample/state')] },
    ),
    expect: [
      ['RetainPublish', 'sample/state', 'allow'],
      ['RetainPublish', 'sample/other', 'none'],
      ['Publish', 'sample/other', 'allow'],
      ['GetRetainedMessage', 'sample/state', 'allow'],
    ],
  },
  {
    name: 'persistent sessions but no last will',
    context: { clientId: 'client1', connectAttributes: ['PersistentConnect'] },
    document: policy({
      Effect: 'Allow',
      Action: ['iot:Connect'],
      Resource: arn('client/client1'),
      Condition: { 'ForAllValues:StringEquals': { 'iot:ConnectAttributes': ['PersistentConnect'] } },
    }),
    expect: [['Connect', 'client1', 'allow']],
  },
  {
    name: 'the same with a last will',
    context: { clientId: 'client1', connectAttributes: ['PersistentConnect', 'LastWill'] },
    document: policy({
      Effect: 'Allow',
      Action: ['iot:Connect'],
      Resource: arn('client/client1'),
      Condition: { 'ForAllValues:StringEquals': { 'iot:ConnectAttributes': ['PersistentConnect'] } },
    }),
    expect: [['Connect', 'client1', 'none']],
  },
  {
    name: 'a Greengrass core device, with a role alias and actions of another service',
    context: pump,
    document: policy({
      Effect: 'Allow',
      Action: ['iot:Connect', 'iot:Publish', 'iot:Subscribe', 'iot:Receive', 'iot:AssumeRoleWithCertificate', 'greengrass:*'],
      Resource: '*',
    }),
    expect: [
      ['Publish', 'a/b', 'allow'],
      ['AssumeRoleWithCertificate', 'core-alias', 'allow'],
      ['RetainPublish', 'a', 'none'],
    ],
  },
]
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: policy variables
