import type { S3Settings } from '../settings.ts'

/**
 * The least rights that the recorder's key needs, as an IAM policy (AWS, "Policies and permissions in Amazon S3"). No
 * Delete: who steals the key cannot destroy the record. (With versions on in the bucket, not even by overwriting.)
 * ListBucket is for the day on which the router's disk is lost, and the state of the uploads with it.
 */
export function policyFor({ bucket, prefix, region, serverSideEncryption, kmsKeyId }: S3Settings): object {
  const aws = awsPartition(region)
  const arn = bucketArn({ bucket, region })
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'Objects',
        Effect: 'Allow',
        Action: ['s3:PutObject', 's3:GetObject'],
        Resource: [`${arn}/${prefix}*`],
      },
      {
        Sid: 'List',
        Effect: 'Allow',
        Action: ['s3:ListBucket'],
        Resource: [arn],
        Condition: { StringLike: { 's3:prefix': [`${prefix}*`] } },
      },
      ...(serverSideEncryption === 'aws:kms' && kmsKeyId !== undefined
        ? [kmsStatement(kmsKeyId, region, aws)]
        : []),
    ],
  }
}

function kmsStatement(key: string, region: string, aws: string): object {
  const actions = {
    Sid: 'Key',
    Effect: 'Allow',
    Action: ['kms:GenerateDataKey', 'kms:Decrypt'],
  }
  if (!key.startsWith('alias/')) {
    const arn = key.startsWith('arn:') ? key : `arn:${aws}:kms:${region}:*:key/${key}`
    return { ...actions, Resource: [arn] }
  }
  // A policy cannot name a key by its alias, but it can ask for it.
  const Resource = [`arn:${aws}:kms:${region}:*:key/*`]
  return { ...actions, Resource, Condition: { 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': [key] } } }
}

/** The bucket's name in policies. */
export function bucketArn({ bucket, region }: Pick<S3Settings, 'bucket' | 'region'>): string {
  return `arn:${awsPartition(region)}:s3:::${bucket}`
}

function awsPartition(region: string): string {
  return region.startsWith('cn-') ? 'aws-cn' : region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws'
}
