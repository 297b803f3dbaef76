//! Who calls AWS, and in which partition.

use serde_json::Value;

/// The caller, as STS says. Other responses leave it unknown.
pub struct Identity {
    region: String,
    /// The caller's ARN, and its partition, account and resource.
    arn: String,
    parts: Option<[String; 3]>,
}

/// Whose policies IAM simulates.
#[derive(Debug, PartialEq, Eq)]
pub enum Principal {
    /// The owner of the account, who may do everything.
    Root,
    User(String),
    Role(String),
    Unknown,
}

impl Identity {
    pub fn unknown(region: &str) -> Self {
        Self {
            region: region.to_owned(),
            arn: String::new(),
            parts: None,
        }
    }

    /// By the response of `GetCallerIdentity`.
    pub fn of(region: &str, response: &Value) -> Self {
        let arn = &response["GetCallerIdentityResponse"]["GetCallerIdentityResult"]["Arn"];
        let arn = arn.as_str().unwrap_or_default();
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let parts = match parts[..] {
            ["arn", partition, _, _, account, resource] => {
                Some([partition, account, resource].map(str::to_owned))
            }
            _ => None,
        };
        Self {
            arn: arn.to_owned(),
            parts,
            ..Self::unknown(region)
        }
    }

    pub fn arn(&self) -> Option<String> {
        self.parts.as_ref().map(|_| self.arn.clone())
    }

    pub fn account(&self) -> Option<&str> {
        self.parts.as_ref().map(|[_, account, _]| account.as_str())
    }

    pub fn partition(&self) -> &str {
        match &self.parts {
            Some([partition, ..]) => partition,
            None if self.region.starts_with("cn-") => "aws-cn",
            None if self.region.starts_with("us-gov-") => "aws-us-gov",
            None => "aws",
        }
    }

    /// The domain of the services. The region tells it before STS has answered.
    pub fn domain(&self) -> &'static str {
        match self.partition() {
            "aws-cn" => "amazonaws.com.cn",
            _ => "amazonaws.com",
        }
    }

    /// The region that signs calls of services without regions, such as IAM.
    pub fn global_region(&self) -> &'static str {
        match self.partition() {
            "aws-cn" => "cn-north-1",
            "aws-us-gov" => "us-gov-west-1",
            _ => "us-east-1",
        }
    }

    pub fn principal(&self) -> Principal {
        let resource = self.parts.as_ref().map(|[_, _, resource]| resource);
        let parts: Vec<&str> = resource
            .map(|it| it.split('/').collect())
            .unwrap_or_default();
        match parts[..] {
            ["root"] => Principal::Root,
            ["user", .., name] => Principal::User(name.to_owned()),
            ["assumed-role", role, _] => Principal::Role(role.to_owned()),
            _ => Principal::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn identity(region: &str, arn: &str) -> Identity {
        let result = json!({"GetCallerIdentityResult": {"Arn": arn}});
        Identity::of(region, &json!({"GetCallerIdentityResponse": result}))
    }

    #[test]
    fn the_partition_the_account_and_the_principal_are_those_of_the_caller() {
        for (arn, partition, domain, principal) in [
            (
                "arn:aws:iam::123456789012:user/people/ann",
                "aws",
                "amazonaws.com",
                Principal::User("ann".to_owned()),
            ),
            (
                "arn:aws-us-gov:sts::123456789012:assumed-role/Operators/ann@example.com",
                "aws-us-gov",
                "amazonaws.com",
                Principal::Role("Operators".to_owned()),
            ),
            (
                "arn:aws-cn:iam::123456789012:root",
                "aws-cn",
                "amazonaws.com.cn",
                Principal::Root,
            ),
            (
                "arn:aws:sts::123456789012:federated-user/ann",
                "aws",
                "amazonaws.com",
                Principal::Unknown,
            ),
        ] {
            let identity = identity("eu-central-1", arn);
            assert_eq!(identity.account(), Some("123456789012"));
            assert_eq!(identity.partition(), partition);
            assert_eq!(identity.domain(), domain);
            assert_eq!(identity.principal(), principal);
        }
    }

    #[test]
    fn before_sts_answers_the_region_tells_the_partition() {
        for (region, partition, domain, global) in [
            ("eu-central-1", "aws", "amazonaws.com", "us-east-1"),
            (
                "us-gov-east-1",
                "aws-us-gov",
                "amazonaws.com",
                "us-gov-west-1",
            ),
            ("cn-northwest-1", "aws-cn", "amazonaws.com.cn", "cn-north-1"),
        ] {
            let identity = Identity::unknown(region);
            assert_eq!(identity.partition(), partition);
            assert_eq!(identity.domain(), domain);
            assert_eq!(identity.global_region(), global);
            assert_eq!(identity.account(), None);
        }
    }
}
