//! The APIs of AWS in moto, to read what Terraform created.

use serde_json::{Value, json};

pub struct Amazon {
    pub url: String,
    http: reqwest::Client,
}

impl Amazon {
    pub fn new(url: String) -> Self {
        let http = platform::http_client::build(&platform::Env::default()).expect("a client");
        Self { url, http }
    }

    /// The signature names the service; moto does not verify it.
    fn request(&self, service: &str, method: http::Method, path: &str) -> reqwest::RequestBuilder {
        let scope = format!("key/20261101/eu-central-1/{service}/aws4_request");
        let signature =
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none");
        let url = format!("{}{path}", self.url);
        self.http
            .request(method, url)
            .header("authorization", signature)
    }

    async fn text(request: reqwest::RequestBuilder) -> (u16, String) {
        let answer = request.send().await.expect("a response from moto");
        let status = answer.status().as_u16();
        (status, answer.text().await.expect("text"))
    }

    /// None if the resource does not exist.
    pub async fn find(&self, service: &str, path: &str) -> Option<Value> {
        let (status, text) = Self::text(self.request(service, http::Method::GET, path)).await;
        if status == 404 {
            return None;
        }
        assert_eq!(status, 200, "{path}: {text}");
        Some(serde_json::from_str(&text).expect("JSON"))
    }

    pub async fn get(&self, service: &str, path: &str) -> Value {
        let found = self.find(service, path).await;
        found.unwrap_or_else(|| panic!("there is no {path}"))
    }

    pub async fn put(&self, service: &str, path: &str, body: &Value) {
        let request = self.request(service, http::Method::PUT, path).json(body);
        let (status, text) = Self::text(request).await;
        assert!((200..300).contains(&status), "{path}: {text}");
    }

    /// A call of a service with a JSON API; `action` is for example `AmazonSQS.SendMessage`.
    pub async fn call(&self, service: &str, action: &str, body: Value) -> Value {
        let request = self
            .request(service, http::Method::POST, "/")
            .header("x-amz-target", action)
            .header("content-type", "application/x-amz-json-1.0")
            .body(body.to_string());
        let (status, text) = Self::text(request).await;
        assert_eq!(status, 200, "{action}: {text}");
        serde_json::from_str(&text).unwrap_or(json!({}))
    }

    /// The event source mappings of a function.
    pub async fn mappings(&self, function: &str) -> Vec<Value> {
        let all = self
            .get("lambda", "/2015-03-31/event-source-mappings/")
            .await;
        let all = all["EventSourceMappings"]
            .as_array()
            .expect("a list")
            .clone();
        let of = format!(":function:metasync-{function}");
        let is_of_function = |it: &Value| {
            it["FunctionArn"]
                .as_str()
                .is_some_and(|arn| arn.ends_with(&of))
        };
        all.into_iter().filter(is_of_function).collect()
    }

    async fn iam(&self, action: &str, parameters: &str) -> String {
        let form = format!("Action={action}&Version=2010-05-08&{parameters}");
        self.query("iam", form).await
    }

    /// A call of a service with a query API. Returns XML.
    async fn query(&self, service: &str, form: String) -> String {
        let request = self
            .request(service, http::Method::POST, "/")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.clone());
        let (status, text) = Self::text(request).await;
        assert_eq!(status, 200, "{form}: {text}");
        text
    }

    /// The route table of a subnet, as XML.
    pub async fn route_table(&self, subnet: &str) -> String {
        let form = format!(
            "Action=DescribeRouteTables&Version=2016-11-15&Filter.1.Name=association.subnet-id&Filter.1.Value.1={subnet}"
        );
        self.query("ec2", form).await
    }

    /// The statements of a role's inline policy.
    pub async fn statements(&self, role: &str, policy: &str) -> Vec<Value> {
        let parameters = format!("RoleName={role}&PolicyName={policy}");
        let text = self.iam("GetRolePolicy", &parameters).await;
        statements(between(&text, "<PolicyDocument>", "</PolicyDocument>"))
    }

    /// The statements of the managed policies that are attached to a user.
    pub async fn attached_statements(&self, user: &str) -> Vec<Value> {
        let parameters = format!("UserName={user}");
        let attached = self.iam("ListAttachedUserPolicies", &parameters).await;
        let mut all = Vec::new();
        for policy in attached.split("<PolicyArn>").skip(1) {
            let (arn, _) = policy.split_once('<').expect("an end");
            let parameters = format!("PolicyArn={arn}&VersionId=v1");
            let text = self.iam("GetPolicyVersion", &parameters).await;
            all.extend(statements(between(&text, "<Document>", "</Document>")));
        }
        all
    }

    /// A setting of a bucket, as XML.
    pub async fn bucket(&self, bucket: &str, setting: &str) -> String {
        let path = format!("/{bucket}?{setting}");
        let (status, text) = Self::text(self.request("s3", http::Method::GET, &path)).await;
        assert_eq!(status, 200, "{path}: {text}");
        text
    }
}

/// The statements of a policy, whose document some responses encode.
fn statements(document: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(&percent_decoded(document)).expect("a policy");
    document["Statement"]
        .as_array()
        .expect("statements")
        .clone()
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(begin).expect("a begin");
    rest.split_once(end).expect("an end").0
}

fn percent_decoded(text: &str) -> String {
    let pair = format!("x={text}");
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
    pairs.next().expect("one pair").1.into_owned()
}
